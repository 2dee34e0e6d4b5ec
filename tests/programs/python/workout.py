"""Works CPython's standard library and the file system hard, and prints what must come out on every machine: workout.py DIR [FILES [SKIPPED,...]]."""

import importlib
import os
import sys

# Modules that import wherever CPython runs, WASI included (no threads started, no sockets opened, no processes).
MODULES = """
abc argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cmd code codecs codeop collections colorsys compileall
concurrent.futures configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis doctest email enum errno
fileinput filecmp fnmatch fractions ftplib functools getopt gettext glob graphlib gzip hashlib heapq hmac html http imaplib importlib
inspect io ipaddress itertools json keyword linecache locale logging mailbox marshal math mimetypes modulefinder netrc numbers opcode
operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath pprint profile pstats py_compile pyclbr
pydoc queue quopri random re reprlib runpy sched secrets selectors shelve shlex shutil signal site smtplib socket
sqlite3 stat statistics string stringprep struct symtable sys sysconfig tabnanny tarfile tempfile textwrap threading time timeit
token tokenize trace traceback types typing unicodedata unittest urllib.parse urllib.request uuid warnings wave weakref
xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client zipapp zipfile zipimport zlib zoneinfo
""".split()


def modules(_, __):
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    return f"{len(MODULES) - len(missing)} imported, missing: {', '.join(missing) or 'none'}"


def tree(root, count):
    """Many small files in nested directories: written, walked, read, renamed, removed."""
    import hashlib

    top = os.path.join(root, "tree")
    for number in range(count):
        folder = os.path.join(top, f"a{number % 10}", f"b{number // 10 % 10}")
        if number < 100:
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"f{number}.txt"), "w") as file:
            file.write(f"file {number}\n" * (number % 7 + 1))
    files, size, digest = 0, 0, hashlib.sha256()
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            size += os.stat(path).st_size
            with open(path, "rb") as file:
                digest.update(file.read())
            files += 1
    for number in range(0, count, 3):
        path = os.path.join(top, f"a{number % 10}", f"b{number // 10 % 10}", f"f{number}.txt")
        os.rename(path, path + ".renamed")
    renamed = sum(name.endswith(".renamed") for _, _, names in os.walk(top) for name in names)
    return f"{files} files, {size} bytes, {renamed} renamed, {digest.hexdigest()[:16]}"


def flat(root, count):
    """One directory with all the files, removed while it is listed."""
    folder = os.path.join(root, "flat")
    os.mkdir(folder)
    for number in range(count):
        open(os.path.join(folder, f"{number:05}"), "x").close()
    listed = sorted(os.listdir(folder))
    removed = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            os.unlink(entry.path)
            removed += 1
    left = len(os.listdir(folder))
    os.rmdir(folder)
    return f"{len(listed)} listed, {removed} removed, {left} left, gone: {not os.path.exists(folder)}"


def files(root, _):
    """Offsets, truncation, append, links, times, errors."""
    path = os.path.join(root, "file")
    with open(path, "w+b") as file:
        file.write(b"0123456789")
        file.seek(1 << 20)
        file.write(b"end")
        file.seek(4)
        middle = file.read(8)
        file.truncate(16)
        file.seek(0, os.SEEK_END)
        length = file.tell()
    with open(path, "ab") as file:
        file.write(b"more")
    os.link(path, path + ".hard")
    os.symlink("file", path + ".soft")
    same = os.path.samefile(path, path + ".soft") and os.path.samefile(path, path + ".hard")
    os.utime(path, (1_000_000_000, 1_234_567_890.5))
    stat = os.stat(path + ".hard")
    raised = []
    for attempt in (
        lambda: open(os.path.join(root, "missing")),
        lambda: os.mkdir(path),
        lambda: os.rmdir(root),
        lambda: os.listdir(path),
        lambda: open(root, "w"),
    ):
        try:
            attempt()
            raised.append("nothing")
        except OSError as error:
            raised.append(type(error).__name__ if type(error) is not OSError else f"OSError:{os.strerror(error.errno)}")
    opened = open(path, "rb")
    os.unlink(path)
    after = len(opened.read())
    opened.close()
    return f"{middle!r} {length} same={same} links={stat.st_nlink} mtime={stat.st_mtime} {' '.join(raised)} unlinked={after}"


def database(root, _):
    """SQLite on disk: transactions, an index, a rollback, a vacuum, opened again."""
    import sqlite3

    path = os.path.join(root, "data.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("create table item (id integer primary key, name text, weight real)")
        connection.executemany("insert into item values (?, ?, ?)", ((n, f"item {n % 97}", n / 7) for n in range(20000)))
        connection.execute("create index by_name on item (name)")
    connection.execute("delete from item where id % 2")
    connection.rollback()
    with connection:
        connection.execute("delete from item where id % 5 = 0")
    connection.execute("vacuum")
    connection.close()
    connection = sqlite3.connect(path)
    count, weight = connection.execute("select count(*), round(sum(weight), 3) from item").fetchone()
    per_name = connection.execute("select count(*) from item where name = 'item 42'").fetchone()[0]
    check = connection.execute("pragma integrity_check").fetchone()[0]
    connection.close()
    return f"{count} rows, {weight}, {per_name} named, integrity {check}"


def archives(root, count):
    """tar, zip and gzip of the tree, read back and compared."""
    import gzip
    import shutil
    import tarfile
    import zipfile

    top = os.path.join(root, "tree")
    tar = os.path.join(root, "tree.tar.gz")
    with tarfile.open(tar, "w:gz") as archive:
        archive.add(top, "tree")
    back = os.path.join(root, "back")
    with tarfile.open(tar) as archive:
        archive.extractall(back, filter="data")
    names = sum(len(names) for _, _, names in os.walk(back))
    zipped = os.path.join(root, "tree.zip")
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, _, found in os.walk(top):
            for name in found:
                archive.write(os.path.join(folder, name))
    with zipfile.ZipFile(zipped) as archive:
        damaged, members = archive.testzip(), len(archive.namelist())
    with gzip.open(os.path.join(root, "one.gz"), "wt") as file:
        file.write("line\n" * 100_000)
    with gzip.open(os.path.join(root, "one.gz"), "rt") as file:
        lines = sum(1 for _ in file)
    shutil.copytree(back, os.path.join(root, "copy"))
    shutil.rmtree(back)
    copied = sum(len(names) for _, _, names in os.walk(os.path.join(root, "copy")))
    return f"{names} unpacked, {members} zipped, damaged: {damaged}, {lines} lines, {copied} copied"


def documents(root, _):
    """json, csv, pickle, plist, XML and INI through files."""
    import configparser
    import csv
    import json
    import pickle
    import plistlib
    import xml.etree.ElementTree as xml

    rows = [{"id": n, "name": f"näme {n}", "tags": [n % 3, n % 5]} for n in range(5000)]
    with open(os.path.join(root, "rows.json"), "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False)
    with open(os.path.join(root, "rows.json"), encoding="utf-8") as file:
        same_json = json.load(file) == rows
    with open(os.path.join(root, "rows.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "name"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    with open(os.path.join(root, "rows.csv"), newline="", encoding="utf-8") as file:
        same_csv = [row["name"] for row in csv.DictReader(file)] == [row["name"] for row in rows]
    same_pickle = pickle.loads(pickle.dumps(rows)) == rows
    same_plist = plistlib.loads(plistlib.dumps(rows)) == rows
    top = xml.Element("rows")
    for row in rows:
        xml.SubElement(top, "row", id=str(row["id"])).text = row["name"]
    xml.ElementTree(top).write(os.path.join(root, "rows.xml"), encoding="utf-8")
    same_xml = len(xml.parse(os.path.join(root, "rows.xml")).getroot()) == len(rows)
    ini = configparser.ConfigParser()
    ini["section"] = {"key": "value"}
    with open(os.path.join(root, "a.ini"), "w") as file:
        ini.write(file)
    same_ini = configparser.ConfigParser().read(os.path.join(root, "a.ini")) != []
    return f"{same_json} {same_csv} {same_pickle} {same_plist} {same_xml} {same_ini}"


def temporary(root, _):
    """tempfile and shelve."""
    import shelve
    import tempfile

    with tempfile.TemporaryDirectory(dir=root) as folder:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(b"x" * 1000)
        with shelve.open(os.path.join(folder, "shelf")) as shelf:
            for n in range(50):
                shelf[str(n)] = list(range(n))
        with shelve.open(os.path.join(folder, "shelf")) as shelf:
            total = sum(len(value) for value in shelf.values())
        size = os.stat(file.name).st_size
    with tempfile.TemporaryFile() as file:
        file.write(b"in /tmp")
        file.seek(0)
        anonymous = file.read()
    return f"{size} {total} {anonymous!r} gone: {not os.path.exists(folder)}"


def computing(_, __):
    """A little of everything that needs no file."""
    import decimal
    import hashlib
    import math
    import random
    import re
    import statistics
    import zlib

    random.seed(42)
    data = random.randbytes(1 << 20)
    decimal.getcontext().prec = 60
    parts = [
        hashlib.sha256(data).hexdigest()[:12],
        hashlib.blake2b(data).hexdigest()[:12],
        hashlib.md5(data).hexdigest()[:12],
        str(zlib.crc32(data)),
        str(len(zlib.decompress(zlib.compress(data, 9)))),
        str(decimal.Decimal(2).sqrt())[-8:],
        str(math.factorial(500) % 1_000_003),
        f"{statistics.fmean(random.random() for _ in range(100_000)):.6f}",
        str(len(re.findall(rb"[a-z]{3}", data))),
        str(sum(sorted(random.choices(range(10**6), k=200_000))[::1000])),
    ]
    return " ".join(parts)


def imports_from_disk(root, _):
    """A package is written, imported, and its byte code lands beside it."""
    package = os.path.join(root, "written")
    os.mkdir(package)
    for n in range(50):
        with open(os.path.join(package, f"m{n}.py"), "w") as file:
            file.write(f"from written import m{n - 1}\nvalue = m{n - 1}.value + {n}\n" if n else "value = 0\n")
    open(os.path.join(package, "__init__.py"), "w").close()
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    sys.setrecursionlimit(5000)
    for n in range(50):
        importlib.import_module(f"written.m{n}")
    cached = len(os.listdir(os.path.join(package, "__pycache__")))
    return f"{sys.modules['written.m49'].value} {cached} cached"


def clean(root, _):
    import shutil

    shutil.rmtree(root)
    return f"gone: {not os.path.exists(root)}"


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: workout.py DIR [FILES [SKIPPED,...]]")
    root = os.path.join(sys.argv[1], "workout")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    sys.dont_write_bytecode = False
    skipped = sys.argv[3].split(",") if len(sys.argv) > 3 else []
    os.mkdir(root)
    steps = [modules, tree, flat, files, database, archives, documents, temporary, computing, imports_from_disk, clean]
    for step in steps:
        if step.__name__ in skipped:
            continue
        print(f"{step.__name__}: {step(root, count)}", flush=True)
    print(f"workout: {len(steps) - len(skipped)} steps done")


main()
