"""Builds the deployment package in dist/: the zip file, its checksum, and the templates: template.yaml with the zip file as
its code, and template.cloudformation.yaml for plain CloudFormation, whose code comes from a bucket.

    python package.py [x86_64|arm64]

The build is reproducible: with the same tools, the same commit results in an identical zip file in every folder.
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

#: For each architecture in template.yaml: its name in Rust, its number in ELF, and the suffix of file names.
PROCESSORS = {"x86_64": ("x86_64", 62, ""), "arm64": ("aarch64", 183, "-arm64")}
#: The runtime provided.al2023 is based on Amazon Linux 2023, which has glibc 2.34.
GLIBC_MAX = (2, 34)
#: The latest glibc with which a program is built that does not need a later one than GLIBC_MAX.
GLIBC_BUILD_MAX = (2, 36)
SIZE_MAX = 4_000_000


def main(processor):
    if processor not in PROCESSORS:
        sys.exit(f"ARCH={processor} is not supported. Specify {' or '.join(PROCESSORS)}.")
    _, _, suffix = PROCESSORS[processor]
    binary = build(processor)
    DIST.mkdir(exist_ok=True)
    archive = DIST / f"{BINARY}{suffix}.zip"
    write_zip(archive, binary.read_bytes())
    faults = check(archive, processor)
    if faults:
        archive.unlink()
        sys.exit("\n".join([f"{archive.name} cannot be deployed to Lambda:", *faults]))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_suffix(".zip.sha256").write_text(f"{digest}  {archive.name}\n")
    template, plain = DIST / f"template{suffix}.yaml", DIST / f"template.cloudformation{suffix}.yaml"
    template.write_text(template_for(archive.name, processor))
    plain.write_text(plain_template_for(archive.name, processor))
    for name in ("LICENSE", "docs/SAR.md", "template.roles.yaml"):  # template.yaml references the first two.
        shutil.copy(ROOT / name, DIST)
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size:,} bytes, sha256 {digest}")
    print(f"{template.relative_to(ROOT)}: for AWS SAM and `aws cloudformation package`, with this zip file as its code")
    print(f"{plain.relative_to(ROOT)}: for plain CloudFormation and StackSets, with the zip file from a bucket of yours")


def build(processor):
    """Builds the function for an architecture with the profile `dist`, and returns its path."""
    target = f"{PROCESSORS[processor][0]}-unknown-linux-gnu"
    environment = dict(os.environ)
    need_tools(target, environment)
    # Panic messages contain the paths of source files. They must not depend on the machine that built the function.
    environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(
        f"--remap-path-prefix={path}={name}" for name, path in builders_folders().items())
    # Build only this package: the simulated EC2 would enable SDK features that the function does not need.
    command = ["cargo", "build", "--locked", "--profile", "dist", "--target", target, "--package", BINARY]
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        sys.exit(f"The build failed: {' '.join(command)}. See the output above.")
    return builders_folders()["/target"] / target / "dist" / BINARY


def need_tools(target, environment):
    """Exits with an error if a tool for this target is missing, and sets the linker for cross-compilation."""
    variable = f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER"
    if variable not in environment:  # A linker of its own may have an earlier glibc.
        need_glibc()
    for tool in ("cargo", "cc"):
        if not shutil.which(tool):
            sys.exit(f"{tool} was not found. Install Rust and a C compiler.")
    libraries = pathlib.Path(output("rustc", "--print", "target-libdir", "--target", target))
    if not libraries.is_dir():
        sys.exit(f"The Rust standard library for {target} is not installed. Run: rustup target add {target}")
    if f"host: {target}" in output("rustc", "--version", "--verbose"):
        return
    linker = f"{target.replace('-unknown', '')}-gcc"
    if not environment.setdefault(variable, shutil.which(linker) or ""):
        sys.exit(f"The C compiler for {target}, {linker}, was not found. Install it (on Debian and Ubuntu, the package "
                 f"gcc-{target.replace('-unknown', '').replace('_', '-')}), or build on a machine with this architecture.")


def need_glibc():
    """Exits with an error on a system whose programs Lambda could not run, which would otherwise show after the build."""
    version = glibc()
    if version is None or version > GLIBC_BUILD_MAX:
        found = f"glibc {dotted(version)}" if version else "no glibc"
        sys.exit(f"This system has {found}, but a program for Lambda must be built on Linux with glibc {dotted(GLIBC_BUILD_MAX)} "
                 "or earlier, such as Debian 12, Ubuntu 22.04, or Amazon Linux 2023. Open the repository in the development "
                 "container (.devcontainer).")


def glibc():
    """The version of this system's glibc; None if its C library is another one."""
    try:
        _, version = os.confstr("CS_GNU_LIBC_VERSION").split()
    except (AttributeError, OSError, ValueError):
        return None
    return tuple(int(number) for number in version.split(".")[:2])


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def builders_folders():
    """The source folders on this machine, by the names that replace them in the binary. If two match, the later one wins."""
    cargo_home = os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")
    folders = {
        "/rust": output("rustc", "--print", "sysroot"),
        "/cargo": cargo_home,
        "/src": ROOT,
        "/target": os.environ.get("CARGO_TARGET_DIR", ROOT / "target"),
    }
    return {name: pathlib.Path(path).absolute() for name, path in folders.items()}


def write_zip(archive, binary):
    entry = zipfile.ZipInfo("bootstrap")  # Dated 1980-01-01, so that the zip file does not depend on the build time.
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(entry, binary, zipfile.ZIP_DEFLATED, compresslevel=9)


def check(archive, processor):
    """The reasons why the zip file cannot be deployed."""
    faults = []
    size = archive.stat().st_size
    if size >= SIZE_MAX:
        faults.append(f"The zip file has {size:,} bytes, but the limit is {SIZE_MAX:,}, because a larger function starts more "
                      "slowly. Reduce the size of the binary.")
    with zipfile.ZipFile(archive) as file:
        entry = next((entry for entry in file.infolist() if entry.filename == "bootstrap"), None)
        if entry is None:
            return [*faults, f"The zip file contains {file.namelist()}, but no bootstrap at its root."]
        binary = file.read(entry)
    if not entry.external_attr >> 16 & 0o001:
        faults.append("bootstrap is not executable by all users.")
    machine = PROCESSORS[processor][1]
    if binary[:6] != b"\x7fELF\x02\x01" or int.from_bytes(binary[18:20], "little") != machine:
        faults.append(f"bootstrap is not a Linux executable for {processor}.")
    needed = max(((int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)), default=(0, 0))
    if needed > GLIBC_MAX:
        faults.append(f"bootstrap requires glibc {dotted(needed)}, but Amazon Linux 2023 has {dotted(GLIBC_MAX)}. Build it on "
                      "a system with glibc 2.36 or earlier, such as Debian 12, Ubuntu 22.04, or Amazon Linux 2023.")
    for folder in builders_folders().values():
        if f"{folder}/".encode() in binary:
            faults.append(f"bootstrap contains the path {folder} of this machine.")
    return faults


def dotted(version):
    return ".".join(map(str, version))


def template_for(archive, processor):
    """Returns template.yaml with the zip file as its code, for deployment without the source."""
    # Both functions have the same code.
    return changed("template.yaml", ("      CodeUri: .\n", f"      CodeUri: {archive}\n", 2),
                   ("    Default: x86_64\n", f"    Default: {processor}\n", 1),
                   ("    ReadmeUrl: docs/SAR.md\n", "    ReadmeUrl: SAR.md\n", 1))


def plain_template_for(archive, processor):
    """Returns template.cloudformation.yaml for this zip file, in a bucket that is specified at deployment."""
    return changed("template.cloudformation.yaml", ("    Default: x86_64\n", f"    Default: {processor}\n", 1),
                   (f"    Default: {BINARY}.zip\n", f"    Default: {archive}\n", 1))


def changed(name, *changes):
    """The contents of a template with parts replaced. Each change is the old text, the new one, and how often it occurs."""
    template = (ROOT / name).read_text()
    for old, new, times in changes:
        if template.count(old) != times:
            sys.exit(f"{name} must contain `{old.strip()}` {times} times.")
        template = template.replace(old, new)
    return template


if __name__ == "__main__":
    main(*sys.argv[1:] or ["x86_64"])
