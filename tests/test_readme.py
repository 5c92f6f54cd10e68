"""The README and the other pages: their Python runs as it stands, their links lead somewhere, `--help` answers."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crystalgrid
from crystalgrid.commands.entry import NAMES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("export/*.md"), *ROOT.glob("models/*/*.md")])


def printed_by(page: str) -> str:
    """Run all Python of a page as one program, and return what it prints."""
    example = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_of_the_readme_gives_crystals_of_the_formula_and_atoms() -> None:
    printed = printed_by("README.md")
    assert printed.count("Crystal(LiFePO4") == 2
    assert "Atoms(" in printed


def test_python_guide_runs() -> None:
    assert re.match(r"\d+ atoms, the first is Z = \d+ at \[", printed_by("docs/python.md"))


def test_readme_is_one_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 90
    assert max(map(len, lines)) <= 120


def test_no_module_hides_a_name_of_the_package() -> None:
    """Importing `crystalgrid.x` would replace a function `crystalgrid.x`."""
    modules = {module.name for module in pkgutil.iter_modules(crystalgrid.__path__)}
    assert "density" in modules
    assert not modules & set(crystalgrid.__all__)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_source_files_in_pages_exist(page: Path) -> None:
    """Each name such as `geometry/lattices.py` is the end of the path of a file in the repository."""
    sources = [
        path
        for room in ("python", "cpp", "export", "benchmarks", "scripts", "tests")
        for path in (ROOT / room).rglob("*.*")
    ]
    paths = [f"/{path.relative_to(ROOT)}" for path in sources]
    for name in re.findall(r"[`/ ]((?:[\w.]+/)*\w+\.(?:py|[chi]pp|inl|cu|cuh))\b", page.read_text()):
        assert any(path.endswith(f"/{name.removeprefix('crystalgrid/')}") for path in paths), name


def test_the_site_shows_every_page() -> None:
    shown = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert shown == {str(page.relative_to(ROOT)) for page in PAGES}


def test_the_reference_has_every_public_name() -> None:
    documented = re.findall(r"^::: crystalgrid\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    assert set(crystalgrid.__all__) <= set(documented)


def test_commands_in_pages_exist() -> None:
    for page in PAGES:
        installed = set(re.findall(r"\bcrystalgrid-([a-z]+)\b", page.read_text()))
        spaced = set(re.findall(r"`crystalgrid ([a-z]+)\b", page.read_text()))
        assert installed <= {*NAMES, "sampler"}, page.name
        assert spaced <= set(NAMES), page.name


@pytest.mark.parametrize("name", NAMES)
def test_commands_explain_themselves(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", "crystalgrid", name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"crystalgrid {name}" in done.stdout
