"""Many cases through tools/verify.py in one process, one line each, as the Rust example `evidence` prints them:
verdict, first problem (what, position, offset), counts (verified, erased, removed, altered, missing, uncovered).
usage: verify_batch.py flips FILE KEY | folder FOLDER KEY CHECKPOINT

The cases differ from each other in a few bytes. So that not everything is hashed ten thousand times, signatures and whole chunks
that were seen before are remembered, by their bytes; all else is verify.py."""
import functools, pathlib, sys, types
import verify
from verify import COUNTS, KEPT, Segment, checkpoint_of

verify.ed25519 = functools.lru_cache(maxsize=1 << 16)(verify.ed25519)
verify.leaf_of = functools.lru_cache(maxsize=1 << 18)(verify.leaf_of)
read_anew = Segment.read

@functools.lru_cache(maxsize=1 << 14)
def read_chunk(chunk, expected, is_whole, first, whose, keys):
    """What a chunk does to a segment that has nothing yet."""
    empty = Segment.__new__(Segment)
    empty.name, empty.keys, empty.problems, empty.checkpoints, empty.items = "", keys, [], [], {}
    empty.note = types.SimpleNamespace(first=first, whose=whose)
    return read_anew(empty, chunk, 0, expected, is_whole), empty

def read(self, chunk, at, expected, is_whole):
    answer, found = read_chunk(chunk, expected, is_whole, self.note.first, self.note.whose, tuple(self.keys))
    for problem in found.problems:
        self.problems.append(problem | {"file": self.name, "offset": problem["offset"] + at})
    for index, item in found.items.items():
        if item.is_good or index not in self.items:
            self.items[index] = types.SimpleNamespace(**vars(item))
    self.checkpoints += [(checkpoint, at) for checkpoint, _ in found.checkpoints]
    return answer

Segment.read = read

def line(report):
    bad = report["first_bad"]
    words = [report["verdict"]]
    if bad:
        words += [bad["what"], "-" if bad["position"] is None else bad["position"], bad["offset"]]
    return " ".join(map(str, words + [report["records"][name] for name in COUNTS]))

def flips(file, key):
    data = bytearray(pathlib.Path(file).read_bytes())
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        print(bit, line(verify.verify([("x", bytes(data))], [key])))
        data[bit // 8] ^= 1 << bit % 8

def folder(path, key, checkpoint):
    kept = [checkpoint_of(KEPT.fullmatch(pathlib.Path(checkpoint).read_bytes()), [key])]
    for file in sorted(pathlib.Path(path).glob("*.mcap"), key=lambda p: int(p.stem)):
        print(file.stem, line(verify.verify([("x", file.read_bytes())], [key], kept)))

if __name__ == "__main__":
    {"flips": flips, "folder": folder}[sys.argv[1]](*sys.argv[2:])
