"""Writes what is in the function besides this project, from Cargo.lock and the sources of the crates.

    python notices.py [FOLDER]

THIRD-PARTY.txt has every crate with its license, and the texts of the licenses. sbom.cdx.json is the bill of materials in the
format of CycloneDX 1.6. FOLDER is dist/ if not given. Both depend on nothing but Cargo.lock.
"""

import json
import pathlib
import subprocess
import sys
import uuid

import package

#: The names of files with licenses and notices in a crate.
LICENSES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
LINE = "=" * 100


def metadata():
    """The packages, and which of them depend on which, for both architectures of Lambda."""
    targets = [f"{rust}-unknown-linux-gnu" for rust, _, _ in package.PROCESSORS.values()]
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    for target in targets:
        command += ["--filter-platform", target]
    return json.loads(package.output(*command))


def crates(data):
    """The packages that are compiled into the function, in the order of their names, and their dependencies by ID."""
    packages = {one["id"]: one for one in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    (root,) = [one["id"] for one in packages.values() if one["name"] == package.BINARY]
    used, todo = {}, [root]
    while todo:
        id = todo.pop()
        if id in used:
            continue
        # Neither tests nor build scripts are in the function. A macro is, as the code that it writes.
        used[id] = sorted({dep["pkg"] for dep in nodes[id]["deps"]
                           if any(kind["kind"] is None for kind in dep["dep_kinds"])})
        todo += used[id]
    others = [packages[id] for id in used if id != root]
    return packages[root], sorted(others, key=lambda one: (one["name"], one["version"])), used


def texts(crate):
    """The licenses and notices of a crate: file name and text."""
    folder = pathlib.Path(crate["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name.upper().startswith(LICENSES)]
    return [(file.name, file.read_text(errors="replace").strip()) for file in files]


def notices(others):
    """The texts, each once, with the crates that it belongs to."""
    by_text, lists = {}, []
    for crate in others:
        lists.append(f"{crate['name']} {crate['version']}: {crate['license'] or 'see its license file'}")
        for _, text in texts(crate):
            by_text.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    parts = ["The function contains these crates.", *lists]
    for text, names in by_text.items():
        parts += ["", LINE, f"For {', '.join(names)}", LINE, "", text]
    return "\n".join(parts) + "\n"


def sbom(root, others, used):
    def reference(crate):
        return f"pkg:cargo/{crate['name']}@{crate['version']}"

    def component(crate, kind):
        licenses = [{"expression": crate["license"].replace("/", " OR ")}] if crate["license"] else []
        return {"type": kind, "bom-ref": reference(crate), "name": crate["name"], "version": crate["version"],
                "purl": reference(crate), "licenses": licenses}

    by_id = {crate["id"]: crate for crate in [root, *others]}
    dependencies = [{"ref": reference(by_id[id]), "dependsOn": sorted(reference(by_id[dep]) for dep in of)}
                    for id, of in used.items()]
    content = {
        "metadata": {"component": component(root, "application")},
        "components": [component(crate, "library") for crate in others],
        "dependencies": sorted(dependencies, key=lambda one: one["ref"]),
    }
    # The same contents have the same number, so that the file depends on nothing but Cargo.lock.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1, **content}


def main(folder=package.DIST):
    try:
        root, others, used = crates(metadata())
    except subprocess.CalledProcessError:
        sys.exit("cargo metadata failed. See the output above.")
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    (folder / "THIRD-PARTY.txt").write_text(notices(others))
    (folder / "sbom.cdx.json").write_text(json.dumps(sbom(root, others, used), indent=1) + "\n")
    print(f"{folder}: THIRD-PARTY.txt and sbom.cdx.json about {len(others)} crates")


if __name__ == "__main__":
    main(*sys.argv[1:])
