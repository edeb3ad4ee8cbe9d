"""Builds what Lambda runs and puts it in dist/: the zip, its checksum, and template.yaml with the zip as its code.

    python package.py [x86_64|arm64]

The same commit gives the same zip, byte for byte, wherever its folder is, as long as the tools are the same.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BINARY = "tidb-private-endpoint"

#: For each processor as template.yaml names it: Rust's name for it, ELF's, and what follows the product's name in files.
PROCESSORS = {"x86_64": ("x86_64", 62, ""), "arm64": ("aarch64", 183, "-arm64")}
#: Amazon Linux 2023, which provided.al2023 is, has glibc 2.34.
GLIBC_MAX = (2, 34)
SIZE_MAX = 4_000_000


def main(processor):
    if processor not in PROCESSORS:
        sys.exit(f"ARCH={processor}: there are {' and '.join(PROCESSORS)}.")
    _, _, suffix = PROCESSORS[processor]
    binary = build(processor)
    DIST.mkdir(exist_ok=True)
    archive = DIST / f"{BINARY}{suffix}.zip"
    write_zip(archive, binary.read_bytes())
    faults = check(archive, processor)
    if faults:
        archive.unlink()
        sys.exit("\n".join([f"{archive.name} is not fit for Lambda:", *faults]))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_suffix(".zip.sha256").write_text(f"{digest}  {archive.name}\n")
    template = DIST / f"template{suffix}.yaml"
    template.write_text(template_for(archive.name, processor))
    for name in ("LICENSE", "README.md"):  # the template refers to them
        shutil.copyfile(ROOT / name, DIST / name)
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size:,} bytes, sha256 {digest}")
    print(f"{template.relative_to(ROOT)}: template.yaml with this zip as its code")


def build(processor):
    """The path of the function, built for the processor with the profile `dist`."""
    target = f"{PROCESSORS[processor][0]}-unknown-linux-gnu"
    environment = dict(os.environ)
    need_tools(target, environment)
    # Panics name source files. Whose computer built it must not show, nor make a difference.
    environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(
        f"--remap-path-prefix={path}={name}" for name, path in builders_folders().items())
    # One package alone: the simulated EC2 would add features to the SDK that the function does not need.
    command = ["cargo", "build", "--locked", "--profile", "dist", "--target", target, "--package", BINARY]
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        sys.exit(f"{' '.join(command)} has failed; see above.")
    return builders_folders()["/target"] / target / "dist" / BINARY


def need_tools(target, environment):
    """Ends with what is missing for this target; names the linker where it is not the usual one."""
    for tool in ("cargo", "cc"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: this needs Rust and a C compiler.")
    libraries = pathlib.Path(output("rustc", "--print", "target-libdir", "--target", target))
    if not libraries.is_dir():
        sys.exit(f"Rust's standard library for {target} is missing: rustup target add {target}")
    if f"host: {target}" in output("rustc", "--version", "--verbose"):
        return
    linker = f"{target.replace('-unknown', '')}-gcc"
    variable = f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER"
    if not environment.setdefault(variable, shutil.which(linker) or ""):
        sys.exit(f"A C compiler for {target} is missing: {linker} (on Debian and Ubuntu: the package "
                 f"gcc-{target.replace('-unknown', '').replace('_', '-')}). Or run this on such a computer.")


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def builders_folders():
    """Where this computer has what is compiled, by what it is called instead; of two that fit, the later one counts."""
    cargo_home = os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")
    folders = {
        "/rust": output("rustc", "--print", "sysroot"),
        "/cargo": cargo_home,
        "/src": ROOT,
        "/target": os.environ.get("CARGO_TARGET_DIR", ROOT / "target"),
    }
    return {name: pathlib.Path(path).absolute() for name, path in folders.items()}


def write_zip(archive, binary):
    entry = zipfile.ZipInfo("bootstrap")  # dated 1980-01-01
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(entry, binary, zipfile.ZIP_DEFLATED, compresslevel=9)


def check(archive, processor):
    """What keeps the zip from being deployed, one sentence each."""
    faults = []
    size = archive.stat().st_size
    if size >= SIZE_MAX:
        faults.append(f"It has {size:,} bytes; {SIZE_MAX:,} are the limit here, because a bigger one starts slower.")
    with zipfile.ZipFile(archive) as file:
        entry = next((entry for entry in file.infolist() if entry.filename == "bootstrap"), None)
        if entry is None:
            return [*faults, f"It has {file.namelist()}, and no bootstrap at its root."]
        binary = file.read(entry)
    if not entry.external_attr >> 16 & 0o001:
        faults.append("bootstrap is not executable for everybody.")
    machine = PROCESSORS[processor][1]
    if binary[:6] != b"\x7fELF\x02\x01" or int.from_bytes(binary[18:20], "little") != machine:
        faults.append(f"bootstrap is not a Linux program for {processor}.")
    needed = max(((int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)), default=(0, 0))
    if needed > GLIBC_MAX:
        faults.append(f"bootstrap needs glibc {dotted(needed)}, and Amazon Linux 2023 has {dotted(GLIBC_MAX)}. Build it "
                      "where glibc is 2.36 or older: Debian 12, Ubuntu 22.04, Amazon Linux 2023.")
    for folder in builders_folders().values():
        if f"{folder}/".encode() in binary:
            faults.append(f"bootstrap names the folder {folder} of this computer.")
    return faults


def dotted(version):
    return ".".join(map(str, version))


def template_for(archive, processor):
    """template.yaml for those who have the zip and not the source."""
    template = (ROOT / "template.yaml").read_text()
    for old, new in [
        ("      CodeUri: .\n", f"      CodeUri: {archive}\n"),
        ("    Default: x86_64\n", f"    Default: {processor}\n"),
    ]:
        if template.count(old) != 1:
            sys.exit(f"template.yaml must hold `{old.strip()}` exactly once.")
        template = template.replace(old, new)
    return template


if __name__ == "__main__":
    main(*sys.argv[1:] or ["x86_64"])
