"""write_sbom.py DIRECTORY [JMETER_HOME]: writes what the layers and the engine are made of, as CycloneDX JSON.

One file for each layer (runtime, analysis, migrations) from its lock, and engine.json: the engine's lock, the images
that engine/Dockerfile starts from, and every jar of JMETER_HOME with its version and checksum. Without JMETER_HOME the
jars are left out. Runs with the interpreter of .build/tools/scan; each file is checked against the schema first.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PROJECT = Path(__file__).resolve().parents[1]
LAYERS = ("runtime", "analysis", "migrations")
# Jars without a Maven pom say their version in their name, those without that in their manifest.
_NAMED_WITH_VERSION = re.compile(r"(.+?)-(\d[\w.\-]*)\.jar")
_OF_MANIFEST = re.compile(r"^(?:Implementation|Bundle|Specification)-Version: *([\w.\-]+)", re.MULTILINE)
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for layer in LAYERS:
        bom = of_lock(layer)
        bom.metadata.component = Component(name=f"tandem-{layer}-layer", type=ComponentType.LIBRARY)
        write(bom, directory / f"{layer}.json")
    write(of_engine(Path(sys.argv[2]) if len(sys.argv) > 2 else None), directory / "engine.json")


def of_lock(name: str) -> Bom:
    """The packages of a lock file with their versions and checksums, as cyclonedx-py reads it."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "bom.json"
        lock = PROJECT / "requirements" / f"{name}.txt"
        command = [str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", str(lock), "-o", str(file)]
        subprocess.run([*command, "--of", "JSON", "--sv", "1.6"], check=True)  # noqa: S603 - a tool of the same place
        bom: Bom = Bom.from_json(json.loads(file.read_text()))
    for component in bom.components:
        # It repeats the whole line of the lock.
        component.description = None
    return bom


def of_engine(jmeter: Path | None) -> Bom:
    """The engine's lock, the images below its own, and JMeter's jars."""
    bom = of_lock("engine")
    dockerfile = (PROJECT / "engine" / "Dockerfile").read_text(encoding="utf-8")
    wanted = re.findall(r"^ARG JMETER_VERSION=(\S+)", dockerfile, re.MULTILINE)[0]
    bom.metadata.component = Component(name="tandem-engine", type=ComponentType.CONTAINER)
    for name, tag in sorted(set(re.findall(r"^FROM (\S+):([^\s@]+)@", dockerfile, re.MULTILINE))):
        # Which of them exactly is said by the digest that the image is built with.
        bom.components.add(Component(name=name, version=tag, type=ComponentType.CONTAINER, bom_ref=f"image:{name}"))
    bom.metadata.properties.add(Property(name="tandem:jmeter:image", value=wanted))
    if jmeter is None:
        return bom
    jars = [of_jar(file, jmeter) for file in sorted(jmeter.rglob("*.jar"))]
    [version] = {jar.version for jar in jars if jar.name == "ApacheJMeter_core"}
    # The image downloads its own; where that is another version, some of these jars are of another one in the image.
    bom.metadata.properties.add(Property(name="tandem:jmeter:jars", value=str(version)))
    for jar in jars:
        bom.components.add(jar)
    return bom


def of_jar(file: Path, home: Path) -> Component:
    """A jar with its version and checksum; what has been built into it is listed below it."""
    with zipfile.ZipFile(file) as jar:
        built_in = list(_of_poms(jar))
        manifest = jar.read("META-INF/MANIFEST.MF").decode("utf-8", "replace") if _has_manifest(jar) else ""
    own = next((each for each in built_in if file.stem in {each.name, f"{each.name}-{each.version}"}), None)
    if own is not None:
        built_in.remove(own)
        name, version = own.name, own.version
    elif named := _NAMED_WITH_VERSION.fullmatch(file.name):
        name, version = named.groups()
    else:
        said = _OF_MANIFEST.search(manifest)
        name, version = file.stem, said[1] if said else None
    place = file.relative_to(home).as_posix()
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"jar:{place}",
        purl=own if own else PackageURL("generic", None, name, version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(file.read_bytes()).hexdigest())],
        properties=[Property(name="tandem:jmeter:file", value=place)],
        components=[_inside(place, each) for each in built_in],
    )


def _has_manifest(jar: zipfile.ZipFile) -> bool:
    return "META-INF/MANIFEST.MF" in jar.namelist()


def _of_poms(jar: zipfile.ZipFile) -> Iterator[PackageURL]:
    for name in sorted(filter(_POM.fullmatch, jar.namelist())):
        said = dict(re.findall(r"^(groupId|artifactId|version) *= *(\S+)", jar.read(name).decode(), re.MULTILINE))
        if said.keys() == {"groupId", "artifactId", "version"}:
            yield PackageURL("maven", said["groupId"], said["artifactId"], said["version"])


def _inside(place: str, package: PackageURL) -> Component:
    return Component(
        name=package.name,
        group=package.namespace,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"jar:{place}!{package.namespace}:{package.name}",
        purl=package,
    )


def write(bom: Bom, file: Path) -> None:
    described = bom.metadata.component
    if described is not None:
        bom.register_dependency(described, list(bom.components))
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise SystemExit(f"error: {file.name} is no CycloneDX 1.6: {wrong}")
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
