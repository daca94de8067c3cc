#!/usr/bin/env python3
"""Checks a Lapwing journal by the rules of docs/reference/evidence.md, with Python's standard library only."""
import argparse, base64, functools, hashlib, itertools, json, pathlib, re, struct, sys, types, zlib

MAGIC, HEAD = b"\x89MCAP0\r\n", 1024
END = struct.pack("<BQIBQQQI", 0x0F, 4, 0, 0x02, 20, 0, 0, 0) + MAGIC
NOTE, KEPT = (re.compile(rb"(lapwing/(?:[ -~]+\n)+)\n((?:\xe2\x80\x94 [ -~]+\n)%b)" % count) for count in (b"", b"+"))
ROTATION = re.compile(rb'\{"audit":"key_changed","note":"lapwing-key-rotation-v1\\n([^"\\]+)\\n([^"\\]+)\\n')
COUNTS = "verified", "erased", "removed", "altered", "missing", "uncovered"
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def number(data):
    return int.from_bytes(data, "little")
# Ed25519, RFC 8032 section 5.1. A point is (X, Y, Z, T).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * D * p[3] * q[3], 2 * p[2] * q[2]
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P
def multiply(n, p):
    return functools.reduce(lambda q, bit: add(add(q, q), p) if bit == "1" else add(q, q), f"{n:b}", (0, 1, 1, 0))
def point(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == sign else P - x
    return (x, y, 1, x * y % P) if (x * x - square) % P == 0 else (0, 1, 1, 0)
def ed25519(key, text, signature):  # strict: no point of small order (8 times is zero), no cofactor, R as it is encoded
    h, s = number(hashlib.sha512(signature[:32] + key + text).digest()) % L, number(signature[32:])
    a = point(number(key) % 2**255, number(key) >> 255)
    r = add(multiply(s, point(4 * pow(5, -1, P) % P, 0)), multiply(8 * L - h, a))
    x, y = r[0] * pow(r[2], -1, P) % P, r[1] * pow(r[2], -1, P) % P
    is_equal = (y + (x % 2 << 255)).to_bytes(32, "little") == signature[:32]
    return is_equal and s < L and multiply(8, a)[0] != 0 and multiply(8, r)[0] != 0
# Notes and trees. A tree is its size and the roots of its perfect subtrees, largest first.
def is_signed(text, lines, key):
    name, digest, public = key.encode().split(b"+", 2)
    found = re.search(rb"(?m)^\xe2\x80\x94 %b ([A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)$" % re.escape(name), lines)
    raw = base64.b64decode(found[1] if found else b"")
    return raw[:4].hex().encode() == digest and ed25519(base64.b64decode(public)[1:], text, raw[4:])
def checkpoint_of(note, keys, whose=None):  # what a genuine checkpoint (of this segment) says, else None
    if not note or not any(is_signed(note[1], note[2], key) for key in keys):
        return None
    origin, size, root, segment, previous, after, time, state, *peaks = note[1].decode().splitlines()
    tree, root = (int(size), [base64.b64decode(peak[5:]) for peak in peaks]), base64.b64decode(root)
    c = types.SimpleNamespace(
        whose=(origin, segment), first=int(segment.split()[2]), previous=previous.split()[1:], tree=tree, root=root,
        after=int(after[6:]), time=int(time[5:]), is_closed=state == "state closed")
    return c if len(peaks) == tree[0].bit_count() and root_of(tree) == root and whose in (None, c.whose) else None
def root_of(tree):
    return functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(tree[1])) if tree[1] else sha()
def leaf_of(position, message, kind, extra):  # of a record's message, with the salt or the commitment that its item has
    commitment = extra if kind else sha(b"lapwing-data-v3\n", extra, message[22:])
    is_known = kind == 0 or kind == 1 and message.startswith(b'{"erased":', 22)
    return sha(b"\0lapwing-record-v3\n", struct.pack("<Q", position), message[:22], commitment) if is_known else None

class Segment:
    def __init__(self, name, b, keys, kept):
        self.name, self.b, self.keys, self.problems, self.checkpoints, self.trees = name, b, keys, [], [], [(0, [])]
        self.signed, self.known, head = 0, set(), sha(b"\0", b[:HEAD])
        self.items = {0: types.SimpleNamespace(width=1, kind="verified", leaf=head, is_good=True, rotation=None)}
        self.note = next((c for note in NOTE.finditer(b) if (c := checkpoint_of(note, keys))), None)
        self.state = self.walk()
        self.end = max(index + item.width for index, item in self.items.items())
        theirs = [(c, None) for c in kept if self.note and c.whose[0] == self.note.whose[0]]
        for c, at in sorted(self.checkpoints, key=lambda c: c[0].tree[0]) + theirs:
            self.judge(c.tree, c.root, c.is_closed, at, c.after)
    def tell(self, offset, index, what):
        position = self.note.first + max(index, 1) - 1 if self.note else None
        self.problems.append({"file": self.name, "position": position, "offset": offset, "what": what})
    def walk(self):  # rule 2; gives the state
        b, at, index, is_ended, is_closed = self.b, HEAD, 1, self.b.endswith(END), False
        stop, token = len(b) - len(END) * is_ended, bytes.fromhex(self.note.whose[0][8:]) if self.note else None
        while at < stop:
            place, size = b.find(token, at + 81, stop) - 80 if token else -1, number(b[at + 25:at + 33])
            length = size + 49 if size + 40 == number(b[at + 1:at + 9]) and size == number(b[at + 41:at + 49]) else 0
            is_part = length > len(b) - at or len(b) - at < 49 and b[at] == 6 or is_closed and END.startswith(b[at:])
            is_cut = is_part and place < 0 and not b.endswith(MAGIC)
            if is_cut or not token:
                return "cut" if is_cut else self.tell(0, 0, "unsigned") or "unsigned"
            is_whole = 0 < length <= stop - at and zlib.crc32(b[at + 49:at + length]) == number(b[at + 33:at + 41])
            end = at + length if is_whole else place if place > 0 else stop
            if is_closed or b[at + 80:at + 96] != token:
                is_closed = self.tell(at, index, "structure")
            else:
                index, is_closed = self.read(b[at:end], at, index, is_whole)
            at = end
        if is_ended and not is_closed:
            self.tell(stop, index, "structure")
        return "closed" if is_ended else "cut" if is_closed or at > len(b) else "open"
    def read(self, c, at, expected, is_whole):  # rule 3; gives the next leaf, and whether the segment ends here
        before, noted, messages, place, checkpoint = self.note.first - 1, len(self.problems), [], 49, None
        while c[place:place + 1] == b"\5" and place + 9 + number(c[place + 1:place + 9]) <= len(c):
            messages.append((at + place, c[place + 9:place + 9 + number(c[place + 1:place + 9])]))
            place += 9 + len(messages[-1][1])
        seal, rest = messages[0][1] if messages else b"", iter(messages[1:])
        if len(seal) % 65 != 46:
            return expected, self.tell(at, expected, "structure")
        begin = index = number(seal[38:46]) - before if is_whole and seal[45] < 64 else expected
        if index != expected:
            self.tell(at, min(index, expected), "missing" if index > expected else "structure")
        for kind, leaf, extra in struct.iter_unpack("<B32s32s", seal[46:]):
            is_removed = 128 <= kind <= 160 and extra == bytes(32)
            width, name = (1 << kind - 128, "removed") if is_removed else (1, COUNTS[kind % 2])
            offset, message = (at, b"") if is_removed else next(rest, (at + place, b""))
            good = is_removed or leaf == leaf_of(before + index, message, kind, extra)
            if not good:
                self.tell(offset, index, "record")
            if index >= 1 and (good or index not in self.items):
                self.items[index] = types.SimpleNamespace(width=width, kind=name, leaf=leaf, is_good=good,
                                                          rotation=ROTATION.match(message, 22))
            index += width
        for offset, message in rest:
            checkpoint = checkpoint_of(NOTE.fullmatch(message, 22), self.keys, self.note.whose)
            head = struct.pack("<HIQQ", 9, (before + index) % 2**32, *[checkpoint.time if checkpoint else 0] * 2)
            if not checkpoint or checkpoint.tree[0] != index or message[:22] != head or offset != messages[-1][0]:
                self.tell(offset, index, "structure")
            self.checkpoints += [(checkpoint, at)] if checkpoint else []
        times, size = [number(message[6:14]) for _, message in messages[1:]] or [0], len(c) - 49
        head = struct.pack("<BQQQQIIQBQHIQQ16sQ", 6, size + 40, times[0], times[-1], size, zlib.crc32(c[49:]), 0, size,
                           5, len(seal), 8, (before + begin) % 2**32, times[0], times[0], c[80:96], before + begin)
        if len(self.problems) == noted and (c[:104] != head or place < len(c) or size == 55):
            self.tell(at, begin, "structure")
        return index, checkpoint and checkpoint.is_closed
    def grow(self, tree, size):  # the tree with the leaves behind it, to a size, as far as they follow; and their items
        count, peaks, items = tree[0], list(tree[1]), []
        while (item := self.items.get(count)) and item.leaf and count + item.width <= size and count % item.width == 0:
            items.append(item)
            count += item.width
            peaks.append(item.leaf)
            while len(peaks) > count.bit_count():
                peaks[-2:] = [sha(b"\1", *peaks[-2:])]
        return (count, peaks), items
    def judge(self, tree, root, is_closed=False, at=None, after=0):  # rule 4: of the chunk at; rule 5: others
        (size, peaks), last, offset = tree, self.trees[-1][0], len(self.b) if at is None else at
        self.signed, base = max(self.signed, size), max(base for base in self.trees if base[0] <= size)
        grown, items = self.grow(base, size)
        if at is None and (size > self.end or is_closed and self.state != "closed"):
            self.tell(offset, self.end, "missing")
        if at is not None and after != last and not (items and all(item.kind == "removed" for item in items)):
            self.tell(at, size, "structure")
        if grown[0] == size and root_of(grown) == root:
            self.known.update(map(id, items))
            self.trees += [grown] * (size > last)
        elif at is not None or last < size <= self.end:
            self.tell(offset if size > 1 else 0, last, "interval" if size > 1 else "structure")
            self.trees += [tree] if peaks else []
            for item in (item for index, item in self.items.items() if last <= index < size):
                item.is_good, item.leaf = False, None
        elif grown[0] == size or getattr(self.items.get(grown[0]), "leaf", None) and grown[1] != peaks[:len(grown[1])]:
            self.tell(0, 0, "fork")
    def report(self):
        counts, covered = dict.fromkeys(COUNTS, 0), self.trees[-1][0]
        for index, item in list(self.items.items())[1:]:
            is_bad = not item.is_good or index < covered and id(item) not in self.known
            counts["altered" if is_bad else item.kind if index < covered else "uncovered"] += item.width
        held = sum(item.width for index, item in self.items.items() if index < self.signed)
        return {"file": self.name, "state": self.state, "records": counts | {"missing": max(0, self.signed - held)}}
def verify(files, keys, kept=()):  # the report on files (name, bytes), by keys and checkpoints kept elsewhere, by size
    last, problems, reports, absent = None, [], [], {c.whose[0] for c in kept}
    for name, b in itertools.chain(files, [("", b"")]):
        segment = Segment(name, b, keys, kept)
        previous = segment.note.previous if segment.note and last else []
        if previous == ["none"] or previous and last.note and last.note.whose[1].split()[1] != previous[0]:
            segment.tell(0, 0, "chain")
        elif previous:
            last.judge((int(previous[1]), []), base64.b64decode(previous[2]))
        if last:
            reports.append(last.report())
            problems += sorted(last.problems, key=lambda problem: problem["offset"])
        for item in segment.items.values():
            if item.rotation and item.is_good and id(item) in segment.known:
                keys = [item.rotation[2].decode() if key.encode() == item.rotation[1] else key for key in keys]
        absent -= {segment.note.whose[0]} if segment.note else set()
        last = segment
    problems += [{"file": origin, "position": None, "offset": 0, "what": "absent"} for origin in sorted(absent)]
    records = {name: sum(report["records"][name] for report in reports) for name in COUNTS}
    return {"verdict": "altered" if problems else "valid", "first_bad": problems[0] if problems else None,
            "records": records, "segments": reports, "problems": problems[:100]}
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, epilog="exit code: 0 valid, 1 altered, 2 not tried")
    parser.add_argument("path", type=pathlib.Path, help="a segment, or the folder of a journal")
    parser.add_argument("--key", action="append", default=[], help="a verifier key, or a file with one")
    parser.add_argument("--checkpoint", action="append", default=[], type=pathlib.Path, help="one kept elsewhere")
    options = parser.parse_args()
    try:
        folder = options.path if options.path.is_dir() else options.path.parent
        files = sorted(folder.glob("*.mcap")) if options.path.is_dir() else [options.path]
        keys = [pathlib.Path(key).read_text() if pathlib.Path(key).is_file() else key for key in options.key]
        keys = [key.strip() for key in keys or [path.read_text() for path in sorted((folder / "key").glob("*.pub"))]]
        kept = [checkpoint_of(KEPT.fullmatch(path.read_bytes()), keys) for path in options.checkpoint]
        if not files or not keys or None in kept:
            raise ValueError("no segment, no key, or a checkpoint that no key has signed")
        report = verify(((path.name, path.read_bytes()) for path in files), keys, sorted(kept, key=lambda c: c.tree[0]))
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    print(json.dumps(report))
    sys.exit(report["verdict"] == "altered")
