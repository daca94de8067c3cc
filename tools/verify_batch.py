"""Many segments through tools/verify.py in one process, for `edge/lapwing-journal/examples/evidence.rs`: reads each from the
standard input behind its length (8 bytes, little-endian), and answers with its whole report, one line.
usage: verify_batch.py KEY [CHECKPOINT]"""
import functools, json, pathlib, sys
import verify

# The same notes come again and again.
verify.ed25519 = functools.lru_cache(None)(verify.ed25519)

def main(key, *checkpoints):
    kept = [verify.checkpoint_of(verify.KEPT.fullmatch(pathlib.Path(path).read_bytes()), [key]) for path in checkpoints]
    while length := sys.stdin.buffer.read(8):
        segment = sys.stdin.buffer.read(int.from_bytes(length, "little"))
        report = verify.verify([("x", segment)], [key], kept)
        print(json.dumps(report, sort_keys=True, separators=(",", ":")), flush=True)

main(*sys.argv[1:])
