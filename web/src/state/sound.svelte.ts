// One beep per incident. Browsers keep a page silent until somebody touches it; the console says so instead of hoping.

import type { Alert } from "../api/types";
import { store, stored } from "./view.svelte";

const TONES_HZ = { notice: [660], warning: [880, 660, 880], critical: [1040, 780, 1040, 780, 1040] } as const;
const TONE_S = 0.16;

class Sound {
  muted = $state(stored("muted") === "yes");
  /** Whether the browser lets this page sound. */
  allowed = $state(false);

  private context: AudioContext | null = null;
  private readonly sounded = new Set<string>();
  private waiting: Alert | null = null;

  /** Any gesture of the user allows sound from then on. */
  listen(): void {
    const wake = (): void => void this.unlock();
    window.addEventListener("pointerdown", wake);
    window.addEventListener("keydown", wake);
  }

  async unlock(): Promise<void> {
    if (!("AudioContext" in window)) return;
    this.context ??= new AudioContext();
    if (this.context.state !== "running") await this.context.resume().catch(() => undefined);
    this.allowed = this.context.state === "running";
    if (this.allowed && this.waiting && !this.muted) {
      this.beep(this.waiting);
      this.waiting = null;
    }
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    store("muted", muted ? "yes" : "no");
    if (muted) this.waiting = null;
  }

  /** Call with every unanswered alert: each sounds once in the life of this page. */
  announce(unanswered: Alert[]): void {
    if (this.waiting && !unanswered.some((a) => a.id === this.waiting?.id)) this.waiting = null;
    const fresh = unanswered.filter((a) => !this.sounded.has(a.id));
    for (const alert of fresh) this.sounded.add(alert.id);
    const first = fresh[0];
    if (!first || this.muted) return;
    if (this.allowed) this.beep(first);
    else this.waiting = first;
  }

  private beep(alert: Alert): void {
    const context = this.context;
    if (!context) return;
    TONES_HZ[alert.severity].forEach((hz, i) => {
      const start = context.currentTime + 0.02 + i * (TONE_S + 0.05);
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.type = "square";
      tone.frequency.value = hz;
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.18, start + 0.01);
      gain.gain.linearRampToValueAtTime(0, start + TONE_S);
      tone.connect(gain).connect(context.destination);
      tone.start(start);
      tone.stop(start + TONE_S);
    });
  }
}

export const sound = new Sound();
