"""Packs the author's program for npm and PyPI: `python3 packages/build.py BUILT INTO`.

BUILT is what `sh install.sh --all --author` and, into its directory `plugin`, `sh install.sh --all` have made. INTO gets
one package for npm and a wheel for each program. The same files make the same packages, byte for byte.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
# What a program is for, in the words of wheels. A static one needs no C library; Windows on ARM emulates x86_64.
TAGS = {
    "plugdeps-linux-x86_64": "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "plugdeps-linux-aarch64": "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "plugdeps-macos": "macosx_11_0_universal2",
    "plugdeps.exe": "win_amd64.win_arm64",
}
LAUNCHER = "plugdeps"
SUMS = "SHA256SUMS"
PROVENANCE = "plugdeps.json"
# npm's own date of everything that it packs.
DATE = 499162500


def main(built, into):
    programs, plugin = summed(built), summed(built / "plugin")
    plugin.append(built / "plugin" / SUMS)
    programs = [path for path in programs if path.name not in (LAUNCHER, PROVENANCE)]
    unknown = [path.name for path in programs if path.name not in TAGS]
    if unknown or not programs:
        sys.exit(f"cannot pack `{built}`: no program, or none that is known: {unknown}")
    about = manifest()
    manual = subprocess.run([built / LAUNCHER, "man"], check=True, stdout=subprocess.PIPE).stdout
    into.mkdir(parents=True, exist_ok=True)
    tell(into / f"{about['name']}-{about['version']}.tgz", npm(about, programs, plugin, manual))
    for program in programs:
        name, content = wheel(about, program, plugin, manual)
        tell(into / name, content)


def tell(path, content):
    path.write_bytes(content)
    print(f"{path}, {len(content)} bytes")


def summed(directory):
    """The files that the list of checksums in a directory names, if they are what it says."""
    paths = []
    for line in (directory / SUMS).read_text().splitlines():
        expected, name = line.split(maxsplit=1)
        path = directory / name
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            sys.exit(f"cannot pack `{path}`: it is not what `{directory / SUMS}` says")
        paths.append(path)
    return paths


def manifest():
    """What `Cargo.toml` says of the package."""
    text = (CHECKOUT / "Cargo.toml").read_text().partition("\n\n")[0]
    about = {key: json.loads(value) for key, value in re.findall(r'^(\w+) = (["\[].*["\]])$', text, re.M)}
    if not re.fullmatch(r"\d+\.\d+\.\d+", about["version"]):
        sys.exit(f"cannot pack version `{about['version']}`: npm and PyPI write all but X.Y.Z differently")
    return about


def mode(path):
    return 0o755 if os.access(path, os.X_OK) else 0o644


def licenses():
    return sorted(CHECKOUT.glob("LICENSE-*"))


def npm(about, programs, plugin, manual):
    described = {key: about[key] for key in ("name", "version", "description", "license", "keywords")}
    described.update(
        bin={"plugdeps": "plugdeps.cjs"},
        man=["./plugdeps.1"],
        os=["linux", "darwin", "win32"],
        cpu=["x64", "arm64"],
        engines={"node": ">=14"},
        preferUnplugged=True,
    )
    files = [("package.json", json.dumps(described, indent=2).encode() + b"\n", 0o644), ("plugdeps.1", manual, 0o644)]
    files += [(path.name, path.read_bytes(), 0o644) for path in (HERE / "README.md", *licenses())]
    files += [("plugdeps.cjs", (HERE / "plugdeps.cjs").read_bytes(), 0o755)]
    # `init` looks for what a plugin ships in `plugin` beside the program.
    files += [(f"programs/{path.name}", path.read_bytes(), mode(path)) for path in programs]
    files += [(f"programs/plugin/{path.name}", path.read_bytes(), mode(path)) for path in plugin]
    return tarball(files)


def tarball(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content, permissions in sorted(files):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode, entry.mtime = len(content), permissions, DATE
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def wheel(about, program, plugin, manual):
    stem, tag = f"{about['name']}-{about['version']}", f"py3-none-{TAGS[program.name]}"
    data, info = f"{stem}.data", f"{stem}.dist-info"
    name = "plugdeps.exe" if program.suffix == ".exe" else "plugdeps"
    files = [
        (f"{data}/scripts/{name}", program.read_bytes(), 0o755),
        (f"{data}/data/share/man/man1/plugdeps.1", manual, 0o644),
        (f"{info}/METADATA", metadata(about), 0o644),
        (f"{info}/WHEEL", wheel_format(tag), 0o644),
    ]
    # `init` looks for what a plugin ships in `../share/plugdeps` as seen from the program.
    files += [(f"{data}/data/share/plugdeps/{path.name}", path.read_bytes(), mode(path)) for path in plugin]
    files += [(f"{info}/licenses/{path.name}", path.read_bytes(), 0o644) for path in licenses()]
    files.append((f"{info}/RECORD", record(files, f"{info}/RECORD"), 0o644))
    return f"{stem}-{tag}.whl", archive(files)


def metadata(about):
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {about['name']}",
        f"Version: {about['version']}",
        f"Summary: {about['description']}",
        f"Keywords: {','.join(about['keywords'])}",
        f"License-Expression: {about['license']}",
        *(f"License-File: {path.name}" for path in licenses()),
        "Description-Content-Type: text/markdown",
        "",
        (HERE / "README.md").read_text(),
    ]
    return "\n".join(lines).encode()


def wheel_format(tag):
    python, abi, platforms = tag.split("-")
    tags = [f"Tag: {python}-{abi}-{platform}" for platform in platforms.split(".")]
    return "\n".join(["Wheel-Version: 1.0", "Generator: plugdeps", "Root-Is-Purelib: false", *tags, ""]).encode()


def record(files, own):
    def line(name, content):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return f"{name},sha256={digest},{len(content)}\n"

    return ("".join(line(name, content) for name, content, _ in files) + f"{own},,\n").encode()


def archive(files):
    """A zip in which nothing tells when or by whom it was made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content, permissions in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, (0o100000 | permissions) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python3 packages/build.py BUILT INTO")
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
