#!/usr/bin/env python3
"""Checks a Lapwing journal against docs/reference/evidence.md. Python 3 standard library only; same answers as `lapwing verify`.
usage: verify.py FILE|DIR [--key PUB]... [--checkpoint FILE]...   exit: 0 valid, 1 altered, 2 usage"""
import base64, functools, hashlib, json, pathlib, re, struct, sys, zlib
MAGIC = b"\x89MCAP0\r\n"
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
low32 = lambda n: n & 0xFFFFFFFF
# ---- Ed25519, RFC 8032 section 5.1.7, without the cofactor
P = 2**255 - 19; L = 2**252 + 27742317777372353535851937790883648493; D = -121665 * pow(121666, -1, P) % P
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P
def mul(n, p):
    q = (0, 1, 1, 0)
    for bit in bin(n)[2:]:
        q = add(q, q)
        if bit == "1": q = add(q, p)
    return q
def point(b):
    y = int.from_bytes(b, "little"); sign = y >> 255; y &= 2**255 - 1
    if y >= P: return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P: x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign): return None
    if x & 1 != sign: x = P - x
    return x, y, 1, x * y % P
small = lambda p: mul(8, p)[0] == 0
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
@functools.lru_cache(maxsize=4096)
def ed25519(key, text, sig):
    a, r, s = point(key), point(sig[:32]), int.from_bytes(sig[32:], "little")
    if len(sig) != 64 or a is None or r is None or s >= L or small(a) or small(r): return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + key + text).digest(), "little") % L
    p, q = mul(s, BASE), add(r, mul(h, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0
# ---- notes and checkpoints
def b64(text, size=None):
    try: raw = base64.b64decode(text, validate=True)
    except ValueError: return None
    return raw if base64.b64encode(raw).decode() == text and (size is None or len(raw) == size) else None
def key_of(text):
    name, digest, data = text.strip("\n").split("+", 2); raw = b64(data, 33)
    if raw is None or raw[0] != 1 or sha(name.encode(), b"\n", raw)[:4].hex() != digest: raise ValueError("not a verifier key")
    return name, raw[1:]
def note_of(data):
    """(text, [(name, bytes)]) or None."""
    try: text = data.decode()
    except UnicodeDecodeError: return None
    if len(data) > 65536 or re.search("[\0-\x09\x0b-\x1f]", text) or "\n\n" not in text or not text.endswith("\n"): return None
    body, lines = text.rsplit("\n\n", 1)
    found = [re.fullmatch("\u2014 ([!-*,-~]{1,128}) ([^ ]+)", line) for line in lines[:-1].split("\n")]
    sigs = [(m[1], b64(m[2]) or b"") for m in found if m]
    return (body + "\n", sigs) if len(sigs) == len(found) <= 16 and all(len(s) > 4 for _, s in sigs) else None
def signed(note, keys):
    return any(n == name and s[:4] == sha(name.encode(), b"\n\x01", key)[:4] and ed25519(key, note[0].encode(), s[4:])
               for name, key in keys for n, s in note[1])
node = lambda a, b: sha(b"\1", a, b)
def push(tree, leaf):
    size, peaks = tree; peaks = list(peaks); n = size
    while n & 1: leaf = node(peaks.pop(), leaf); n >>= 1
    return size + 1, peaks + [leaf]
def root_of(tree): return functools.reduce(lambda right, left: node(left, right), reversed(tree[1])) if tree[1] else sha()
NUM, HASH = r"(0|[1-9][0-9]*)", r"([A-Za-z0-9+/]{43}=)"
CHECKPOINT = re.compile(rf"lapwing/([^\n]*)\n{NUM}\n{HASH}\nsegment {NUM} {NUM}\nopening {HASH}\ntime (0|-?[1-9][0-9]*)\n"
                        rf"checkpoint {NUM} {HASH}\nstate (open|closed)\n((?:peak {HASH}\n)*)")
def checkpoint_of(note):
    m = note and CHECKPOINT.fullmatch(note[0])
    if not m: return None
    numbers = [int(m[i]) for i in (2, 4, 5, 8)]; hashes = [b64(h, 32) for h in [m[3], m[6], m[9]] + m[11].split()[1::2]]
    if max(numbers) >= 2**64 or not -2**63 <= int(m[7]) < 2**63 or None in hashes: return None
    tree = (numbers[0], hashes[3:])
    if len(tree[1]) != bin(tree[0]).count("1") or root_of(tree) != hashes[0]: return None
    return dict(token=m[1], tree=tree, segment=numbers[1], first=numbers[2], opening=hashes[1], time=int(m[7]), ordinal=numbers[3],
                before=hashes[2], closed=m[10] == "closed")
# ---- MCAP by hand
u = lambda fmt, b, at: struct.unpack_from("<" + fmt, b, at)[0] if 0 <= at and at + struct.calcsize("<" + fmt) <= len(b) else None
def rec(b, at, limit):
    n = u("Q", b, at + 1)
    return None if n is None or at + 9 + n > limit else (b[at], at + 9, at + 9 + n)
def msg(b, at, limit):
    """(channel, sequence, log, publish, data from, data to)"""
    r = rec(b, at, limit)
    return None if not r or r[0] != 5 or r[2] - r[1] < 22 else struct.unpack_from("<HIQQ", b, r[1]) + (r[1] + 22, r[2])
def chunk_end(b, at):
    if at + 49 > len(b) or b[at] != 6: return None
    n, = struct.unpack_from("<Q", b, at + 1); size, _, name, stored = struct.unpack_from("<QIIQ", b, at + 25)
    return at + 9 + n if n >= 40 and size == stored == n - 40 and name == 0 else None
put = lambda op, content: bytes([op]) + struct.pack("<Q", len(content)) + content
pairs = lambda d: struct.pack("<I", len(d) * 10) + b"".join(struct.pack("<HQ", k, v) for k, v in sorted(d.items()))
def indexes(chunk):
    out, places = b"", {}
    for ch, entries in sorted(chunk["messages"].items()):
        places[ch] = chunk["end"] + len(out)
        out += put(7, struct.pack("<HI", ch, 16 * len(entries)) + b"".join(struct.pack("<QQ", *e) for e in entries))
    return out, places
def bounds(chunk): times = [t for es in chunk["messages"].values() for t, _ in es] or [0]; return min(times), max(times)
def differ(a, b): return None if a == b else next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
TOKEN = "[0-9a-f]{32}"
def head_of(c):
    """The metadata record's pairs, or None."""
    def text(at): n = u("I", c, at); return (None, 0) if n is None or at + 4 + n > len(c) else (c[at + 4:at + 4 + n], at + 4 + n)
    name, at = text(0)
    if name != b"lapwing" or u("I", c, at) != len(c) - at - 4: return None
    at, found = at + 4, {}
    while at < len(c):
        key, at2 = text(at); value, at = text(at2) if key is not None else (None, 0)
        try: found[key.decode()] = value.decode()
        except (AttributeError, UnicodeDecodeError): return None
    known = {"journal", "segment", "position", "previous", "start", "again", "version" if "version" in found else "held"}
    number = lambda t: re.fullmatch(NUM, t or "") and int(t) < 2**64
    prev = re.fullmatch(rf"{NUM} {NUM} {HASH}", found.get("previous", "0 0 " + "A" * 43 + "="))
    ok = set(found) <= known and re.fullmatch(TOKEN, found.get("journal", "")) and found.get("version", "2") == "2" and prev
    ok = ok and {found.get("start", "yes"), found.get("again", "yes")} == {"yes"}
    if not (ok and number(found.get("segment")) and number(found.get("position")) and number(prev[1]) and number(prev[2]) and b64(prev[3])): return None
    return dict(token=found["journal"], number=int(found["segment"]), first=int(found["position"]), sealed="version" in found,
                previous=(int(prev[1]), int(prev[2]), b64(prev[3])) if "previous" in found else None)
def seal_of(d):
    """[(kind, salt or commitment, leaf)] or None."""
    if len(d) < 5 or u("I", d, len(d) - 4) != len(d) or d[0] != 1: return None
    at, end, items = 1, len(d) - 4, []
    while at < end:
        n = {0: 16, 1: 32, 2: 0}.get(d[at])
        if n is None or at + 33 + n > end: return None
        items.append((d[at], d[at + 1:at + 1 + n], d[at + 1 + n:at + 33 + n])); at += 33 + n
    return items
class Layout:
    """A segment taken apart: items are slots (dict) and checkpoints (tuple)."""
    def __init__(self, name, b):
        self.name, self.b, self.items, self.problems, self.chunks, self.channels, self.newest = name, b, [], [], [], {}, {}
        self.head = self.opening = self.tail_at = self.cut_at = self.token = self.expected = None
        self.next_channel, self.loose, self.has_seals, self.meta = 16, False, False, (0, 0)
        at = self.begin()
        if self.head is None or self.head["sealed"]: self.walk(at)
    def bad(self, offset, position, what): self.problems.append(dict(file=self.name, position=position, offset=offset, what=what))
    def begin(self):
        b = self.b
        if not b.startswith(MAGIC) and not MAGIC.startswith(b): self.bad(0, None, "head")
        h = rec(b, 8, len(b)); m = h and h[0] == 1 and rec(b, h[2], len(b))
        if not m or m[0] != 0x0C:
            if not self.problems and self.resync(8) == len(b): self.cut_at = 8; return len(b)
            self.bad(8, None, "head"); return 8
        self.meta, self.head = (h[2], m[2]), head_of(b[m[1]:m[2]])
        if self.head: self.token, self.expected = self.head["token"], self.head["first"]
        else: self.bad(8, None, "head")
        return m[2]
    def resync(self, at):
        for m in re.compile(b"[\x06\x0f]").finditer(self.b, at + 1):
            i = m.start(); end = chunk_end(self.b, i)
            if (end is not None and end <= len(self.b)) or self.b.startswith(b"\x0f\x04" + bytes(7), i): return i
        return len(self.b)
    def walk(self, start):
        b, at = self.b, start
        while at < len(b):
            r = rec(b, at, len(b)); end = chunk_end(b, at)
            if self.loose and b[at] == 7 and r: at = r[2]
            elif b[at] == 0x0F:
                self.tail_at = at; d = differ(self.tail(at), b[at:])
                if d is not None: self.bad(at + d, self.expected, "end")
                return
            elif end is not None and end <= len(b): at = self.chunk(at, end, at == start)
            else:
                after = self.resync(at)
                if after == len(b) and (end is not None or (b[at] == 6 and len(b) - at < 49)): self.cut_at = at
                else: self.bad(at, self.expected, "structure")
                at = after
    def tail(self, at):
        counts, groups, out = {}, [], put(0x0F, struct.pack("<I", zlib.crc32(self.b[:at])))
        for c in self.chunks:
            for ch, es in c["messages"].items(): counts[ch] = counts.get(ch, 0) + len(es)
        spans = [bounds(c) for c in self.chunks] or [(0, 0)]; summary = at + len(out)
        stats = struct.pack("<QHIIIIQQ", sum(counts.values()), 0, len(self.channels), 0, 1, len(self.chunks),
                            min(s[0] for s in spans), max(s[1] for s in spans)) + pairs(counts)
        def chunk_index(c):
            raw, places = indexes(c); size = c["end"] - c["at"]
            return struct.pack("<QQQQ", *bounds(c), c["at"], size) + pairs(places) + struct.pack("<QIQQ", len(raw), 0, size - 49, size - 49)
        meta = struct.pack("<QQI", self.meta[0], self.meta[1] - self.meta[0], 7) + b"lapwing"
        for op, contents in ((4, [struct.pack("<H", i) + c for i, c in sorted(self.channels.items())]), (0x0B, [stats]),
                             (8, [chunk_index(c) for c in self.chunks]), (0x0D, [meta])):
            raw = b"".join(put(op, c) for c in contents)
            if raw: groups.append((op, at + len(out), len(raw)))
            out += raw
        offsets = at + len(out)
        out += b"".join(put(0x0E, struct.pack("<BQQ", *g)) for g in groups) + b"\x02" + struct.pack("<QQQ", 20, summary, offsets)
        return out + struct.pack("<I", zlib.crc32(out[summary - at:])) + MAGIC
    def chunk(self, at, end, first):
        b, before, chunk, inside = self.b, len(self.problems), dict(at=at, end=end, messages={}), at + 49
        if first:
            while (r := rec(b, inside, end)) and r[0] == 4: self.learn(r); inside = r[2]
            self.opening = sha(b"\0lapwing-segment-v1\n", b[8:at], b[at + 49:inside])
        broken = self.inside(at, inside, chunk)
        crc, = struct.unpack_from("<I", b, at + 33)
        if len(self.problems) == before and (crc != zlib.crc32(b[at + 49:end]) or struct.unpack_from("<QQ", b, at + 9) != bounds(chunk)):
            self.bad(at + 9, self.expected, "chunk")
        self.loose = broken; self.chunks.append(chunk)
        if broken: return end
        raw = indexes(chunk)[0]; there = b[end:end + len(raw)]; d = differ(raw, there)
        if d is not None:
            if raw.startswith(there): self.cut_at = end; return len(b)
            self.bad(end + d, self.expected, "index")
        return end + len(raw) if end + len(raw) <= len(b) else self.resync(end - 1)
    def learn(self, r):
        c = self.b[r[1]:r[2]]
        if len(c) < 2: return None
        i, c = u("H", c, 0), c[2:]; self.channels[i] = c; n = u("I", c, 2)
        if n is None or len(c) < 6 + n: return None
        self.newest[c[6:6 + n]] = i; return i
    def is_newest(self, i):
        c = self.channels.get(i, b""); n = u("I", c, 2)
        return n is not None and len(c) >= 6 + n and self.newest.get(c[6:6 + n]) == i
    def inside(self, at, start, chunk):
        b, end = self.b, chunk["end"]; see = lambda m, o: chunk["messages"].setdefault(m[0], []).append((m[2], o - at - 49))
        mark = msg(b, start, end)
        if not mark: self.bad(start, self.expected, "mark"); return True
        see(mark, start); first = self.expected
        m = re.fullmatch(rf'\{{"journal":"({TOKEN})","position":{NUM}\}}'.encode(), b[mark[4]:mark[5]])
        if not (m and int(m[2]) < 2**64 and mark[0] == 1 and self.token in (None, m[1].decode()) and mark[1] == low32(int(m[2])) and mark[2] == mark[3]):
            self.bad(start, first, "mark"); first = first or 0
        else:
            self.token = m[1].decode(); said = int(m[2])
            if first is not None and said != first: self.bad(at, min(said, first), "missing" if said > first else "order")
            first = self.expected = said
        c = msg(b, mark[5], end)
        if c and c[0] == 9:
            see(c, mark[5]); self.has_seals = True
            if not (c[5] == end and c[1] == low32(first) and c[2] == c[3] == mark[2]): self.bad(mark[5], first, "checkpoint")
            self.items.append((mark[5], b[c[4]:c[5]], c[2], first)); return c[5] != end
        n = u("I", b, end - 4); seal_at = end - 31 - n if n >= 5 and end - 31 - n >= mark[5] else None
        limit, at_, pos, met, broken = end if seal_at is None else seal_at, mark[5], first, [], False
        while at_ < limit:
            r, m = rec(b, at_, limit), msg(b, at_, limit)
            if r and r[0] == 4:
                i = self.learn(r); nxt = msg(b, r[2], limit)
                if i != self.next_channel or not nxt or nxt[0] != i: self.bad(at_, pos, "channel")
                self.next_channel = min((self.next_channel if i is None else i) + 1, 65535); at_ = r[2]
            elif m:
                see(m, at_); known = self.is_newest(m[0])
                if not known or m[1] != low32(pos): self.bad(at_, pos, "record")
                met.append((pos, at_, m, known)); at_, pos = m[5], pos + 1
            else: self.bad(at_, pos, "record"); broken = True; break
        items, seal_broken = [], True
        if seal_at is None: self.bad(at, first, "seal")
        else:
            self.has_seals = True; s = msg(b, seal_at, end); items = seal_of(b[seal_at + 31:end])
            if not (s and s[0] == 8 and s[1] == low32(first) and s[2] == s[3] and s[5] == end and (broken or not met or s[2] == met[-1][2][2])) or items is None:
                self.bad(seal_at, first, "seal")
            if s: see(s, seal_at); seal_broken = False
            items = items or []
            if len(met) > len(items): self.bad(limit, first + len(items), "seal")
            elif len(met) < len(items) and not broken: self.bad(at_, pos, "missing")
        for i in range(max(len(met), len(items))):
            r, s = met[i] if i < len(met) else None, items[i] if i < len(items) else None
            computed, claimed = self.leaf(r, s) if r and s else None, s and s[2]
            if r and (computed != claimed or claimed is None): self.bad(r[1], r[0], "record")
            if r and i == 0 and computed == claimed and r[2][2] != mark[2]: self.bad(start, first, "mark")
            self.items.append(dict(position=first + i, offset=r[1] if r else at_, claimed=claimed, computed=computed, status="pending",
                                   audit=b[r[2][4]:r[2][5]] if r and r[2][0] == 11 else None))
        self.expected = first + max(len(met), len(items)); return broken or seal_broken
    def leaf(self, r, s):
        data = self.b[r[2][4]:r[2][5]]
        if s[0] == 2 or (s[0] == 1 and not data.startswith(b'{"erased":')) or not r[3]: return None
        c = sha(b"lapwing-data-v1\n", s[1], data) if s[0] == 0 else s[1]; ch = self.channels[r[2][0]]
        return sha(b"\0lapwing-record-v1\n", struct.pack(">QQQH", min(r[0], 2**64 - 1), r[2][2], r[2][3], low32(len(ch)) & 0xFFFF), ch, c)
# ---- from a segment taken apart to what can be said of each record
class Segment:
    def __init__(self, name, b, keys):
        lay = Layout(name, b); h = lay.head
        self.name, self.head, self.problems, self.length, self.bad = name, h, lay.problems, len(b), lay.bad
        self.head_signed, self.token, self.first, self.state = False, h and h["token"], h["first"] if h else 0, "open"
        self.end, self.opening, self.leaves, self.trusted, self.missing = lay.expected or 0, lay.opening, {}, [(0, [])], 0
        if h and not h["sealed"] and not lay.has_seals: self.state = "unsealed"; return
        def read(data):
            n = note_of(data); c = checkpoint_of(n)
            return c if c and len(n[1]) == 1 and signed(n, keys) else None
        read = functools.lru_cache(None)(read); good = [c for i in lay.items if isinstance(i, tuple) for c in [read(i[1])] if c]
        if good: self.first, self.token = good[0]["first"], good[0]["token"]
        elif not h: self.first = next((i["position"] for i in lay.items if isinstance(i, dict)), 0)
        ordinal, before, closed_at, since, opened = 0, bytes(32), None, 0, False
        for item in lay.items:
            size = self.trusted[-1][0]
            if isinstance(item, dict):
                if closed_at is not None: self.bad(closed_at, item["position"], "end"); closed_at = None
                i = item["position"] - self.first + 1
                if i < max(size, 1) or i in self.leaves: self.bad(item["offset"], item["position"], "order")
                else: self.leaves[i] = item
                continue
            offset, data, log, position = item; c = read(data)
            if not c: self.bad(offset, position, "checkpoint"); continue
            here = c["token"] == self.token and c["first"] == self.first and (not h or h["number"] == c["segment"]) and c["tree"][0] >= max(size, 1)
            if not (here and c["ordinal"] == ordinal and c["before"] == before and c["time"] % 2**64 == log
                    and c["first"] + c["tree"][0] - 1 == position and closed_at is None): self.bad(offset, position, "checkpoint")
            if not here: continue
            ordinal, before, closed_at = c["ordinal"] + 1, sha(data), offset if c["closed"] else None
            if not opened:
                opened, self.head_signed = True, self.opening == c["opening"]
                if not self.head_signed: self.bad(8, c["first"], "head")
                self.opening = c["opening"]
            self.interval(c, offset, since); since = offset; self.trusted.append(c["tree"])
        if lay.tail_at is not None and closed_at is None: self.bad(lay.tail_at, self.end, "end")
        if lay.tail_at is None and closed_at is not None: self.bad(self.length, self.end, "end")
        self.state = "closed" if lay.tail_at is not None else "cut" if lay.cut_at is not None else "open"
    def root_at(self, tree, size, a, b):
        if tree[0] == 0 and size > 0:
            if self.opening is None: return None
            tree = push(tree, self.opening)
        for i in range(tree[0], size):
            s = self.leaves.get(i); leaf = s and (s[a] or s[b])
            if not leaf: return None
            tree = push(tree, leaf)
        return root_of(tree) if tree[0] == size else None
    def within(self, a, b): return [s for i, s in sorted(self.leaves.items()) if a <= i < b]
    def interval(self, c, offset, since):
        tree, size, root = self.trusted[-1], c["tree"][0], root_of(c["tree"])
        way = "claimed" if self.root_at(tree, size, "claimed", "computed") == root else None
        way = way or ("computed" if self.root_at(tree, size, "computed", "claimed") == root else None); slots = self.within(tree[0], size)
        for s in slots: s["status"] = "verified" if way and s["computed"] and s["computed"] == s[way] else "altered"
        self.missing += max(0, size - max(tree[0], 1) - len(slots))
        if not way and not any(since <= p["offset"] < offset and p["what"] != "head" for p in self.problems):
            self.bad(min([offset] + [s["offset"] for s in slots]), self.first + max(tree[0], 1) - 1, "interval")
    def size(self): return max(max(self.leaves, default=0), self.trusted[-1][0] - 1) + 1
    def hold(self, size, root, agreed):
        have = self.size()
        if size > have: self.missing += size - have; self.bad(self.length, self.first + have - 1, "missing"); return False
        tree = [t for t in self.trusted if t[0] <= size][-1]
        ok = (root_of(tree) if tree[0] == size else self.root_at(tree, size, "computed", "claimed")) == root
        for s in self.within(tree[0], size):
            if s["status"] == "pending": s["status"] = "verified" if ok and s["computed"] else "altered"
        if not ok:
            i = max(agreed if tree[0] == size else max(agreed, tree[0]), 1); later = self.within(i, 2**64)
            self.bad(later[0]["offset"] if later else self.length, self.first + i - 1, "fork")
        return ok
    def counts(self):
        c = dict(verified=0, altered=0, missing=self.missing, uncovered=0, removed=0)
        for s in self.leaves.values():
            c["verified" if s["status"] == "verified" else
              "uncovered" if s["status"] == "pending" and s["computed"] and s["computed"] == s["claimed"] else "altered"] += 1
        return c
def rotation(note, keys):
    m = note and re.fullmatch("lapwing-key-rotation-v1\n([^\n]+)\n([^\n]+)\n", note[0])
    try: old, new = key_of(m[1]), key_of(m[2])
    except (TypeError, ValueError): return keys
    return [k for k in keys if k != old] + [new] if old in keys and signed(note, [old]) and signed(note, [new]) else keys
def verify(segments, keys, saved=()):
    """segments: (name, bytes) in order; keys: key_of; saved: notes that were kept elsewhere. The report, a dict."""
    saved = sorted(((c["tree"][0], c["token"], root_of(c["tree"]), c["closed"]) for c in map(checkpoint_of, saved)), key=lambda s: s[0])
    last, any_sealed, problems, reports, total, rest = None, False, [], [], {}, saved
    def settle(seg):
        nonlocal rest
        if seg is None: return
        agreed = 0
        for size, token, root, closed in [s for s in rest if s[1] == seg.token]:
            agreed = size if seg.hold(size, root, agreed) else agreed
            if closed and seg.state != "closed": seg.bad(seg.length, seg.end, "end")
        rest = [s for s in rest if s[1] != seg.token]; c = seg.counts()
        for k, n in c.items(): total[k] = total.get(k, 0) + n
        problems.extend(sorted(seg.problems, key=lambda p: p["offset"])); reports.append(dict(file=seg.name, state=seg.state, records=c))
    for name, b in segments:
        seg = Segment(name, b, tuple(keys)); h = seg.head
        if seg.state == "unsealed":
            if any_sealed: seg.bad(8, seg.first, "unsealed")
        else:
            any_sealed = any_sealed or h is not None
            if last and h and last.state != "unsealed":
                prev = h["previous"]
                if not prev or (last.head and last.head["number"] != prev[0]): seg.bad(8, h["first"], "chain")
                elif seg.head_signed: last.hold(prev[1], prev[2], 0)
                if h["first"] > last.end: seg.bad(8, last.end, "missing")
        for s in seg.leaves.values():
            if s["audit"] and s["status"] == "verified" and b'"key_changed"' in s["audit"]:
                keys = rotation(note_of(json.loads(s["audit"]).get("note", "").encode()), keys)
        settle(last); last = seg
    settle(last)
    problems += [dict(file="lapwing/" + s[1], position=None, offset=0, what="absent") for s in rest]
    if not any_sealed: problems.append(dict(file=reports[0]["file"] if reports else "", position=None, offset=0, what="unsealed"))
    total = total or dict(verified=0, altered=0, missing=0, uncovered=0, removed=0)
    return dict(verdict="altered" if problems else "valid", first_bad=problems[0] if problems else None, records=total, segments=reports,
                problems=problems[:100])
def main(args):
    paths, keys, saved = [], [], []
    while args:
        arg = args.pop(0)
        if arg == "--key" and args: keys.append(key_of(pathlib.Path(args[0]).read_text() if pathlib.Path(args[0]).exists() else args[0])); args.pop(0)
        elif arg == "--checkpoint" and args: saved.append(note_of(pathlib.Path(args.pop(0)).read_bytes()))
        else: paths.append(pathlib.Path(arg))
    if len(paths) != 1: raise ValueError(__doc__)
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    keys = keys or [key_of(p.read_text()) for p in sorted((folder / "key").glob("*.pub"))]
    if not keys or not all(checkpoint_of(n) and signed(n, keys) for n in saved): raise ValueError("no key, or a checkpoint that the key has not signed")
    number = lambda p: (int(p.name.split("-")[0]) if p.name.split("-")[0].isdigit() else 0, p.name)
    files = sorted(folder.glob("*.mcap"), key=number) if paths[0].is_dir() else paths
    report = verify(((p.name, p.read_bytes()) for p in files), keys, saved)
    print(json.dumps(report)); return 0 if report["verdict"] == "valid" else 1
if __name__ == "__main__":
    try: sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as error: print("error:", error, file=sys.stderr); sys.exit(2)
