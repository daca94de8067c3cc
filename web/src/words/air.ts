// Text from the air is only ever shown as text. The server already replaces what could disturb a line; this console
// does it again for names and free text, so that an older or foreign server cannot make it show a name backwards.

const DISTURBING = /[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

export const printable = (text: string): string => text.replace(DISTURBING, "\ufffd");
