"""Many cases through tools/verify.py in one process, one line each, as the Rust example `evidence` prints them.
usage: verify_batch.py flips FILE KEY | folder FOLDER KEY CHECKPOINT"""
import pathlib, sys
from verify import key_of, note_of, verify

def line(report):
    bad = report["first_bad"]
    words = [report["verdict"]]
    if bad:
        words += [bad["what"], "-" if bad["position"] is None else bad["position"], bad["offset"]]
    return " ".join(map(str, words + [report["records"][k] for k in ("verified", "altered", "missing", "uncovered", "removed")]))

def flips(file, key):
    data, keys = bytearray(pathlib.Path(file).read_bytes()), [key_of(key)]
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        print(bit, line(verify([("x", bytes(data))], keys)))
        data[bit // 8] ^= 1 << bit % 8

def folder(path, key, checkpoint):
    keys, saved = [key_of(key)], [note_of(pathlib.Path(checkpoint).read_bytes())]
    for file in sorted(pathlib.Path(path).glob("*.mcap"), key=lambda p: int(p.stem)):
        print(file.stem, line(verify([("x", file.read_bytes())], keys, saved)))

{"flips": flips, "folder": folder}[sys.argv[1]](*sys.argv[2:])
