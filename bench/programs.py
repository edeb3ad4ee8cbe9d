"""Builds the function and its peers, and defines what Lambda would start."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "bench"


@dataclasses.dataclass
class Program:
    """A function that can be started, and its deployment package."""

    key: str
    name: str
    command: list
    handler: str
    task_root: pathlib.Path
    package: list
    environment: dict = dataclasses.field(default_factory=dict)

    def zip_size(self):
        """The size of the deployment package as a zip file."""
        path = WORK / f"{self.key}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for item in self.package:
                files = sorted(item.rglob("*")) if item.is_dir() else [item]
                for file in (file for file in files if file.is_file() and "__pycache__" not in file.parts):
                    name = file.relative_to(item) if item.is_dir() else file.name
                    archive.write(file, "bootstrap" if item == self.task_root / "tidb-private-endpoint" else name)
        return path.stat().st_size


def run(*command, cwd=ROOT):
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def build():
    """Builds everything that is missing, and returns the four programs. The one that takes the longest is built last."""
    WORK.mkdir(parents=True, exist_ok=True)
    peers = [python(), nodejs(), floor()]
    return [provider(), *peers]


def provider():
    run("cargo", "build", "--locked", "--profile", "dist")
    binary = TARGET / "dist" / "tidb-private-endpoint"
    return Program("product", "tidb-private-endpoint", [binary], "bootstrap", binary.parent, [binary])


def floor():
    target = WORK / "floor"
    run("cargo", "build", "--locked", "--release", "--manifest-path", HERE / "floor" / "Cargo.toml", "--target-dir", target)
    binary = target / "release" / "floor"
    return Program("floor", "floor", [binary], "bootstrap", binary.parent, [binary])


def python():
    requirements, task = HERE / "python" / "requirements.txt", WORK / "python"
    stamp = task / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        shutil.rmtree(task, ignore_errors=True)
        run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", task,
            "--requirement", requirements)
        shutil.copy(requirements, stamp)
    shutil.copy(HERE / "python" / "function.py", task)
    # The interpreter itself, not the one in the virtual environment.
    interpreter = pathlib.Path(sys.executable).resolve()
    command = [interpreter, "-s", "-m", "awslambdaric", "function.handler"]
    return Program("python", "Python", command, "function.handler", task, [task], {"PYTHONPATH": str(task)})


def nodejs():
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        raise SystemExit("Node.js or npm was not found. make bench requires Node.js 20 or later and npm for one of the peers.")
    task, lock = WORK / "nodejs", HERE / "nodejs" / "package-lock.json"
    task.mkdir(exist_ok=True)
    for file in (HERE / "nodejs").iterdir():
        shutil.copy(file, task)
    stamp = task / "node_modules" / ".lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        run(npm, "ci", "--no-fund", "--no-audit", "--loglevel=error", cwd=task)
        shutil.copy(lock, stamp)
    bundle = task / "bundle"
    run(npm, "run", "--silent", "bundle", cwd=task)
    return Program("nodejs", "Node.js", [node, task / "runtime.mjs"], "function.handler", bundle, [bundle])
