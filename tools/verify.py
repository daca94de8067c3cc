#!/usr/bin/env python3
"""Checks a Lapwing journal by the rules of docs/reference/evidence.md, with Python's standard library only."""
import argparse, base64, bisect, functools, hashlib, itertools, json, pathlib, re, struct, sys, types, zlib

MAGIC, HEAD = b"\x89MCAP0\r\n", 1024
END = struct.pack("<BQIBQQQI", 0x0F, 4, 0, 0x02, 20, 0, 0, 0) + MAGIC
NOTE, KEPT = (re.compile(rb"(lapwing/(?:[ -~]+\n)+)\n((?:\xe2\x80\x94 [ -~]+\n)%b)" % count) for count in (b"", b"+"))
ROTATION = re.compile(rb'\{"audit":"key_changed","note":"lapwing-key-rotation-v1\\n([^"\\]+)\\n([^"\\]+)\\n')
COUNTS = "verified", "erased", "removed", "altered", "missing", "uncovered"

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def u64(b, at):
    return int.from_bytes(b[at:at + 8], "little")

# Ed25519, RFC 8032 section 5.1. A point is (X, Y, Z, T).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * D * p[3] * q[3], 2 * p[2] * q[2]
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P

def multiply(n, p):
    half = multiply(n >> 1, add(p, p)) if n else (0, 1, 1, 0)
    return add(half, p) if n & 1 else half

def point(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == sign else P - x
    return (x, y, 1, x * y % P) if (x * x - square) % P == 0 else (0, 1, 1, 0)

def ed25519(key, text, signature):  # strict: no point of small order (8 times it is zero), no cofactor, R as it is encoded
    hashed = hashlib.sha512(signature[:32] + key + text).digest()
    k, s, h = (int.from_bytes(data, "little") for data in (key, signature[32:], hashed))
    a = point(k % 2**255, k >> 255)
    r = add(multiply(s, point(4 * pow(5, -1, P) % P, 0)), multiply(8 * L - h % L, a))
    x, y = r[0] * pow(r[2], -1, P) % P, r[1] * pow(r[2], -1, P) % P
    is_small = multiply(8, a)[0] == 0 or multiply(8, r)[0] == 0
    return s < L and not is_small and (y + (x % 2 << 255)).to_bytes(32, "little") == signature[:32]

# Notes and trees. A tree is its size and the roots of its perfect subtrees.
def is_signed(text, lines, key):
    name, digest, public = key.encode().split(b"+", 2)
    found = re.search(rb"(?m)^\xe2\x80\x94 %b ([A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)$" % re.escape(name), lines)
    raw = base64.b64decode(found[1] if found else b"")
    return raw[:4].hex().encode() == digest and ed25519(base64.b64decode(public)[1:], text, raw[4:])

def checkpoint_of(note, keys):  # what a genuine checkpoint says, else None
    if not note or not any(is_signed(note[1], note[2], key) for key in keys):
        return None
    origin, size, root, segment, previous, after, time, state, *peaks = note[1].decode().splitlines()
    peaks, root = [base64.b64decode(peak[5:]) for peak in peaks], base64.b64decode(root)
    return types.SimpleNamespace(
        origin=origin, segment=segment, first=int(segment.split()[2]), size=int(size), root=root, peaks=peaks, previous=previous,
        after=int(after[6:]), time=int(time[5:]), is_closed=state == "state closed") if root_of((int(size), peaks)) == root else None

def root_of(tree):
    root = functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(tree[1])) if tree[1] else sha()
    return root if len(tree[1]) == tree[0].bit_count() else None

def grow(tree, items):  # the tree with the claimed leaves of these items behind it, as far as they follow on each other
    size, peaks = tree[0], list(tree[1])
    for item in itertools.takewhile(lambda item: item.claimed and item.index == size and size % item.width == 0, items):
        size += item.width
        peaks.append(item.claimed)
        while len(peaks) > size.bit_count():
            peaks[-2:] = [sha(b"\1", *peaks[-2:])]
    return size, peaks

def leaf_of(position, message, kind, extra):  # of a record's message, with the salt or the commitment that its item has
    commitment = extra if kind else sha(b"lapwing-data-v3\n", extra, message[22:])
    is_known = kind == 0 or kind == 1 and message.startswith(b'{"erased":', 22)
    return sha(b"\0lapwing-record-v3\n", struct.pack("<Q", position), message[:22], commitment) if is_known else None

class Segment:
    def __init__(self, name, b, keys, kept):
        self.name, self.b, self.keys, self.problems, self.trees, self.checkpoints = name, b, keys, [], [(0, [])], []
        self.signed, self.agreed, head = 0, 1, sha(b"\0", b[:HEAD])
        self.items = {0: types.SimpleNamespace(index=0, width=1, kind="", claimed=head, made=head, offset=0, rotation=None)}
        self.note = next((c for note in NOTE.finditer(b) if (c := checkpoint_of(note, keys))), None)
        self.token, self.first = (bytes.fromhex(self.note.origin[8:]), self.note.first) if self.note else (None, None)
        self.state = self.walk()
        self.items = [self.items[index] for index in sorted(self.items)]
        theirs = [(c, None) for c in kept if self.note and c.origin == self.note.origin]
        for c, at in sorted(self.checkpoints, key=lambda c: c[0].size) + theirs:
            self.judge(c, at)
        covered = self.leaves(0, self.trees[-1][0])
        self.rotations = [item.rotation for item in covered if item.rotation and item.made == item.claimed]

    def tell(self, offset, index, what):
        position = self.first + max(index, 1) - 1 if self.note else None
        self.problems.append({"file": self.name, "position": position, "offset": offset, "what": what})

    def leaves(self, first, end):
        at = bisect.bisect_left(self.items, first, key=lambda item: item.index)
        return self.items[at:bisect.bisect_left(self.items, end, key=lambda item: item.index)]

    def walk(self):  # rule 2; gives the state
        b, at, index, is_ended, is_closed = self.b, HEAD, 1, self.b.endswith(END), False
        stop = len(b) - len(END) * is_ended
        while at < stop:
            place, size, left = (b.find(self.token, at + 81, stop) if self.note else 0) - 80, u64(b, at + 25), len(b) - at
            length = size + 49 if size + 40 == u64(b, at + 1) and size == u64(b, at + 41) else 0
            is_part = length > left or left < 49 and b[at] == 6 or is_closed and END.startswith(b[at:])
            is_cut = is_part and place < 0 and not b.endswith(MAGIC)
            if is_cut or not self.note:
                return "cut" if is_cut else self.tell(0, 0, "unsigned") or "unsigned"
            is_whole = 0 < length <= stop - at and zlib.crc32(b[at + 49:at + length]) == u64(b, at + 33)
            end = at + length if is_whole else place if place > 0 else stop
            if is_closed or b[at + 80:at + 96] != self.token:
                is_closed = self.tell(at, index, "structure")
            else:
                index, is_closed = self.read(b[at:end], at, index, is_whole)
            at = end
        if is_ended and not is_closed:
            self.tell(stop, index, "structure")
        return "closed" if is_ended else "cut" if is_closed or at > len(b) else "open"

    def read(self, c, at, index, is_whole):  # rule 3; gives the leaf that comes next, and whether the segment is closed
        before, noted, messages, place, checkpoint = self.first - 1, len(self.problems), [], 49, None
        while c[place:place + 1] == b"\5" and place + 9 + u64(c, place + 1) <= len(c):
            messages.append((at + place, c[place + 9:place + 9 + u64(c, place + 1)]))
            place += 9 + len(messages[-1][1])
        seal, rest = messages[0][1] if messages else b"", iter(messages[1:])
        if len(seal) % 65 != 46:
            return index, self.tell(at, index, "structure")
        begin = u64(seal, 38) - before if is_whole and u64(seal, 38) < 2**62 else index
        if begin != index:
            self.tell(at, min(begin, index), "missing" if begin > index else "structure")
        index = begin
        for kind, claimed, extra in struct.iter_unpack("<B32s32s", seal[46:]):
            is_removed = 128 <= kind <= 160 and extra == bytes(32)
            offset, message = (at, b"") if is_removed else next(rest, (at + place, b""))
            made = claimed if is_removed else leaf_of(before + index, message, kind, extra)
            item = types.SimpleNamespace(index=index, width=1 << kind - 128 if is_removed else 1, claimed=claimed, made=made,
                                         kind="removed" if is_removed else COUNTS[kind % 2], offset=offset)
            item.rotation = ROTATION.match(message, 22)
            if made != claimed:
                self.tell(offset, index, "record")
            if index >= 1 and (made == claimed or index not in self.items):
                self.items[index] = item
            index += item.width
        for offset, message in rest:
            checkpoint = checkpoint_of(NOTE.fullmatch(message, 22), self.keys)
            is_ours = checkpoint and (checkpoint.origin, checkpoint.segment) == (self.note.origin, self.note.segment)
            checkpoint = checkpoint if is_ours else None
            head = struct.pack("<HIQQ", 9, (before + index) % 2**32, *[checkpoint.time if checkpoint else 0] * 2)
            if not checkpoint or checkpoint.size != index or message[:22] != head or offset != messages[-1][0]:
                self.tell(offset, index, "structure")
            self.checkpoints += [(checkpoint, at)] if checkpoint else []
        times = [u64(message, 6) for _, message in messages[1:]] or [0]
        head = struct.pack("<BQQQQIIQ", 6, len(c) - 9, times[0], times[-1], len(c) - 49, zlib.crc32(c[49:]), 0, len(c) - 49)
        head += struct.pack("<BQHIQQ", 5, len(seal), 8, (before + begin) % 2**32, times[0], times[0])
        is_right = c[:80] == head and u64(seal, 38) == before + begin and place == len(c) > 104
        if len(self.problems) == noted and not is_right:
            self.tell(at, begin, "structure")
        return index, checkpoint and checkpoint.is_closed

    def judge(self, c, at):  # rule 4, of a checkpoint in the chunk `at`; rule 5, of others
        size, root, last = c.size, c.root, self.trees[-1][0]
        end = max(last, self.items[-1].index + self.items[-1].width) if self.note else 0
        base = max(tree for tree in self.trees if tree[0] <= size)
        leaves, self.signed, offset = self.leaves(base[0], size), max(self.signed, size), len(self.b) if at is None else at
        if at is None and (size > end or c.is_closed and self.state != "closed"):
            self.tell(offset, end, "missing")
        if at is not None and c.after != last and not (leaves and all(item.kind == "removed" for item in leaves)):
            self.tell(at, size, "structure")
        if at is None and leaves and leaves[-1].index + leaves[-1].width > size:
            size = leaves.pop().index
            root = root_of((size, c.peaks[:size.bit_count()]))
        grown = grow(base, leaves)
        if grown[0] == size and root_of(grown) == root:
            self.trees += [grown] if size > last else []
            self.agreed = max(size, 1) if at is None else 1
            return
        if size > last and (size <= end or at is not None):
            self.tell(offset, last, "interval" if size > 1 else "structure")
            self.trees += [(size, c.peaks)] if c.peaks else []
        elif grown[0] == size:
            leaves = self.leaves(self.agreed, 2**64)
            self.tell(leaves[0].offset if leaves else offset, self.agreed, "fork")
        else:
            leaves = []
        for item in leaves:
            item.claimed = False

    def report(self):
        counts = dict.fromkeys(COUNTS, 0)
        for item in self.items[1:]:
            kind = item.kind if item.index < self.trees[-1][0] else "uncovered"
            counts[kind if item.claimed and item.made == item.claimed else "altered"] += item.width
        counts["missing"] = max(0, self.signed - sum(item.width for item in self.items if item.index < self.signed))
        return {"file": self.name, "state": self.state, "records": counts}

def verify(files, keys, kept=()):  # the report on files (name, bytes), by keys and checkpoints kept elsewhere, smallest first
    last, problems, reports, absent = None, [], [], {c.origin for c in kept}
    for name, b in itertools.chain(files, [("", b"")]):
        segment = Segment(name, b, keys, kept)
        if last and segment.note:
            _, number, *tree = segment.note.previous.split()
            if not tree or last.note and last.note.segment.split()[1] != number:
                segment.tell(0, 0, "chain")
            else:
                root = base64.b64decode(tree[1])
                last.judge(types.SimpleNamespace(size=int(tree[0]), root=root, peaks=[], is_closed=False), None)
        if last:
            reports.append(last.report())
            problems += sorted(last.problems, key=lambda problem: problem["offset"])
        for rotation in segment.rotations:
            keys = [rotation[2].decode() if key.encode() == rotation[1] else key for key in keys]
        absent -= {segment.note.origin} if segment.note else set()
        last = segment
    problems += [{"file": origin, "position": None, "offset": 0, "what": "absent"} for origin in sorted(absent)]
    return {"verdict": "altered" if problems else "valid", "first_bad": problems[0] if problems else None,
            "records": {name: sum(report["records"][name] for report in reports) for name in COUNTS},
            "segments": reports, "problems": problems[:100]}

def main(options):
    folder = options.path if options.path.is_dir() else options.path.parent
    files = sorted(folder.glob("*.mcap"), key=lambda p: (int(re.match("[0-9]*", p.name)[0] or 0), p.name))
    files = files if options.path.is_dir() else [options.path]
    keys = [pathlib.Path(key).read_text() if pathlib.Path(key).is_file() else key for key in options.key]
    keys = [key.strip() for key in keys or [path.read_text() for path in sorted((folder / "key").glob("*.pub"))]]
    kept = [checkpoint_of(KEPT.fullmatch(path.read_bytes()), keys) for path in options.checkpoint]
    if not keys or None in kept:
        raise ValueError("no key, or a checkpoint that no key has signed")
    return verify(((path.name, path.read_bytes()) for path in files), keys, sorted(kept, key=lambda c: c.size))

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, epilog="exit codes: 0 valid, 1 altered, 2 it could not be tried")
    parser.add_argument("path", type=pathlib.Path, help="a segment, or the folder of a journal")
    parser.add_argument("--key", action="append", default=[], help="a verifier key, or a file with one")
    parser.add_argument("--checkpoint", action="append", default=[], type=pathlib.Path, help="one that was kept elsewhere")
    try:
        report = main(parser.parse_args())
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    print(json.dumps(report))
    sys.exit(report["verdict"] == "altered")
