"""The page of crystals in a browser: it is sorted, filtered and turned, and CIF files are saved from it."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gemmi
import pytest

from browser import PROGRAM, Browser
from crystalgrid.commands.report import report
from reported_crystals import write_relaxed

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed")
NAMES = "[...document.querySelectorAll('#crystals tbody tr')].map(row => row.cells[0].textContent)"
SELECTED = "document.querySelector('#crystals tr[aria-selected]').cells[0].textContent"
PIXELS = """(() => {
    const canvas = document.getElementById("picture");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum = (31 * sum + data[i]) % 2147483647;
    return sum;
})()"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a report."""
    folder = tmp_path_factory.mktemp("page")
    write_relaxed(folder / "relaxed")
    report(folder / "relaxed", folder / "report.html", workers=1)
    return folder


@pytest.fixture(scope="module")
def window(folder: Path) -> Iterator[Browser]:
    """Return a browser."""
    window = Browser(folder)
    yield window
    window.close()


@pytest.fixture
def browser(window: Browser, folder: Path) -> Iterator[Browser]:
    """Return a browser in which the report is open anew, and that has met no error when the test is over."""
    window.resize(1280, 900)
    window.open(folder / "report.html")
    yield window
    assert window.errors == []


def waited_for(found: Callable[[], bool]) -> bool:
    """Return whether something is found within ten seconds."""
    end = time.monotonic() + 10
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    return found()


def test_numbers_stand_below_the_line_after_elements_alone(browser: Browser) -> None:
    """In a decomposition the amounts before formulas do not; names of phases in diagrams have such numbers, too."""
    typeset = "(text) => typesetFormula(text).innerHTML"
    assert browser.run(f"({typeset})('Li2O + 2 MnO2')") == "Li<sub>2</sub>O + 2 MnO<sub>2</sub>"
    titles = browser.run("[...document.querySelectorAll('#diagram title')].map(title => title.textContent).join()")
    assert not re.search(r"[A-Z][a-z]?\d", titles)


def test_the_table_fits_beside_the_picture_on_a_screen_of_1400_pixels(browser: Browser) -> None:
    browser.resize(1400, 900)
    browser.settle()
    assert browser.run("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.scroll'))") == 0


def test_headings_sort_and_crystals_without_a_value_are_last(browser: Browser) -> None:
    assert browser.run(NAMES) == ["perovskite", "oxide", "caesium", "salt", "unbalanced"]
    head = "th[data-column=energy_above_hull]"
    for order, names in (
        ("ascending", ["unbalanced", "perovskite", "salt", "oxide", "caesium"]),
        ("descending", ["oxide", "salt", "perovskite", "unbalanced", "caesium"]),
    ):
        browser.click(f"{head} button")
        assert browser.run(NAMES) == names
        assert browser.run(f"document.querySelector('{head}').ariaSort") == order


@pytest.mark.parametrize(
    ("field", "text", "names"),
    [
        ("formula", "tio", ["perovskite"]),
        ("formula", "caes", ["caesium"]),
        ("elements", "Cl", ["caesium", "salt", "unbalanced"]),
        ("elements", "Cl Cs", ["caesium"]),
        ("group", "Pm-3m", ["perovskite", "caesium"]),
        ("group", "186, 225", ["oxide", "salt"]),
        ("group", "200-230", ["perovskite", "caesium", "salt"]),
        ("above", "0.1", ["perovskite", "salt", "unbalanced"]),
        ("above", "0,01", ["perovskite", "unbalanced"]),
        ("formula", "xenon", []),
    ],
)
def test_the_filter_keeps_what_is_asked_for(browser: Browser, field: str, text: str, names: list[str]) -> None:
    browser.type(f"[name={field}]", text)
    assert browser.run(NAMES) == names
    assert browser.run("document.getElementById('count').textContent") == f"{len(names)} of 5 crystals"
    assert browser.run("document.getElementById('nothing').hidden") == bool(names)
    assert browser.run("document.querySelectorAll('#figures figure').length") == 4
    browser.click("[type=reset]")
    assert len(browser.run(NAMES)) == 5


def test_the_choices_of_the_filter_work_together(browser: Browser) -> None:
    browser.choose("[name=valid]", "yes")
    browser.choose("[name=fresh]", "yes")
    assert browser.run(NAMES) == ["perovskite", "oxide", "caesium"]
    browser.choose("[name=valid]", "no")
    assert browser.run(NAMES) == ["unbalanced"]
    browser.click("[name=sure]")
    assert browser.run(NAMES) == []
    browser.click("[type=reset]")
    browser.type("[name=elements]", "O Zn")
    browser.choose("[name=having]", "only")
    assert browser.run(NAMES) == ["oxide"]
    browser.choose("[name=having]", "none")
    assert browser.run(NAMES) == ["caesium", "salt", "unbalanced"]


def test_the_mouse_and_the_keys_turn_a_crystal(browser: Browser) -> None:
    pictures = [browser.run(PIXELS)]
    browser.drag("#picture", 60, 20)
    pictures.append(browser.run(PIXELS))
    for key in ("ArrowLeft", "ArrowUp", "+"):
        browser.press(key)
        pictures.append(browser.run(PIXELS))
    browser.click("#symbols")
    pictures.append(browser.run(PIXELS))
    assert len(set(pictures)) == 6
    browser.click("#symbols")
    browser.click("#back")
    assert browser.run(PIXELS) == pictures[0]
    browser.click("#spin")
    assert waited_for(lambda: browser.run(PIXELS) != pictures[0])


def test_the_keyboard_goes_through_the_table_to_the_picture_and_back(browser: Browser) -> None:
    browser.run("document.querySelector('#crystals tbody tr').focus()")
    browser.press("ArrowDown")
    assert browser.run(SELECTED) == "oxide"
    assert browser.run("document.getElementById('name').textContent") == "ZnO P63mc 186"
    browser.press("End")
    assert browser.run(SELECTED) == "unbalanced"
    browser.press("ArrowDown")
    assert browser.run(SELECTED) == "unbalanced"
    browser.press("Enter")
    assert browser.run("document.activeElement.id") == "picture"
    assert "NaCl2" in browser.run("document.activeElement.getAttribute('aria-label')")
    browser.press("Escape")
    assert browser.run("document.activeElement.cells[0].textContent") == "unbalanced"


def test_the_cif_of_the_chosen_crystal_is_saved(browser: Browser, folder: Path) -> None:
    browser.click("tr[data-crystal='1']")
    browser.click("#save")
    saved = folder / "oxide.cif"
    assert waited_for(saved.is_file)
    assert gemmi.read_small_structure(str(saved)).spacegroup.number == 186


def test_figures_follow_the_table_and_lead_to_crystals(browser: Browser) -> None:
    browser.click("tr[data-crystal='1']")
    assert browser.run("document.getElementById('system').value") == "Zn-O"
    browser.run("document.querySelector('#diagram .crystal').dispatchEvent(new MouseEvent('click'))")
    assert browser.run(SELECTED) == "oxide"
    assert browser.run("document.querySelector('#diagram .crystal').classList.contains('unstable')")
    browser.type("[name=formula]", "SrTiO3")
    assert browser.run("document.getElementById('system').value") == "Sr-Ti-O"
    text = browser.run("document.querySelector('#figures').textContent")
    assert all(element in text for element in ("Sr", "Ti", "O"))
    assert "Zn" not in text


@pytest.mark.parametrize("width", [1280, 800, 390, 320])
def test_no_page_is_wider_than_its_window(browser: Browser, width: int) -> None:
    browser.resize(width, 800, phone=width < 500)
    browser.settle()
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.getElementById('picture').width") > 0


def test_everything_that_can_be_pressed_has_a_name(browser: Browser) -> None:
    nameless = """[...document.querySelectorAll('button, input, select, canvas, svg')].filter(node =>
        !(node.textContent.trim() || node.ariaLabel || (node.labels && node.labels.length))).length"""
    assert browser.run(nameless) == 0
    assert browser.run("[...document.querySelectorAll('th button')].every(button => button.title.length > 20)")


def test_rows_are_added_as_they_are_needed(browser: Browser) -> None:
    browser.run(
        "table.reached = 2; table.table.tBodies[0].replaceChildren(...table.shown.slice(0, 2).map(i => table.row(i)))"
    )
    browser.run("table.select(table.shown[0], true)")
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    assert browser.run(NAMES) == ["perovskite", "oxide", "caesium"]
    browser.press("End")
    assert browser.run(NAMES) == ["perovskite", "oxide", "caesium", "salt", "unbalanced"]
    assert browser.run(SELECTED) == "unbalanced"
