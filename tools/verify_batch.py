"""Many segments through tools/verify.py in one process, for `edge/lapwing-journal/examples/evidence`: reads each from the
standard input behind its length (8 bytes, little-endian), and answers with its whole report, one line.
usage: verify_batch.py KEY [CHECKPOINT]

The cases differ from each other in a few bytes. So that not everything is hashed ten thousand times, signatures, leaves and whole
chunks that were seen before are remembered, by their bytes; all else is verify.py."""
import functools, json, pathlib, sys, types
import verify
from verify import KEPT, Segment, checkpoint_of

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

def main(key, *checkpoints):
    kept = [checkpoint_of(KEPT.fullmatch(pathlib.Path(path).read_bytes()), [key]) for path in checkpoints]
    while length := sys.stdin.buffer.read(8):
        segment = sys.stdin.buffer.read(int.from_bytes(length, "little"))
        report = verify.verify([("x", segment)], [key], kept)
        print(json.dumps(report, sort_keys=True, separators=(",", ":")), flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
