"""Reading CIF: settings, origins, dialects, and files that contradict themselves."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalgrid.crystal import SYMBOLS
from crystalgrid.data.formats.cif import parse_cif
from crystalgrid.data.formats.entry import Disordered
from zoo import ZOO

CUBIC = (4.2, 4.2, 4.2, 90, 90, 90)
HEXAGONAL = (4.1, 4.1, 6.6, 90, 90, 120)
LETTERED = "label type_symbol symmetry_multiplicity Wyckoff_symbol"
SALT_ON_LETTERS = "Mg1 Mg 4 a 0 0 0\nO1 O 4 b 0.5 0.5 0.5"
ROCK_SALT = "Mg1 Mg 0 0 0\nO1 O 0.5 0.5 0.5"


def cif(atoms, cell=CUBIC, symbol=None, number=None, operations=(), extra="", columns="label type_symbol"):
    """Return a CIF of one block, with `atoms` in columns that end in fract_x, fract_y, fract_z."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_made", *(f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True))]
    lines += [f"_symmetry_space_group_name_H-M '{symbol}'"] if symbol else []
    lines += [f"_symmetry_Int_Tables_number {number}"] if number else []
    lines += ["loop_", "_space_group_symop_operation_xyz", *operations] if operations else []
    lines += [extra, "loop_"]
    lines += [f"_atom_site_{name}" for name in (*columns.split(), "fract_x", "fract_y", "fract_z")]
    return "\n".join([*lines, atoms, ""])


def read(text):
    """Return the only crystal of a CIF: formula of its cell, lattice, frac_coords."""
    ((lattice, frac_coords, numbers, _),) = parse_cif(text)
    counts = np.bincount(numbers)
    return {SYMBOLS[z - 1]: int(counts[z]) for z in np.flatnonzero(counts)}, lattice, frac_coords


def shortest(lattice, frac_coords):
    """Return the smallest distance between two atoms, Å, by brute force over the nearest images."""
    steps = np.stack(np.meshgrid(*3 * [np.arange(-2, 3)], indexing="ij"), -1).reshape(-1, 3)
    apart = frac_coords[:, None, None] - frac_coords[None, :, None] + steps
    distances = np.linalg.norm(apart @ lattice, axis=-1)
    return distances[distances > 1e-6].min()


@pytest.mark.parametrize(
    ("symbol", "number", "cell", "atoms", "content", "distance"),
    [
        ("F d -3 m :2", 227, (5.431,) * 3 + (90,) * 3, "Si1 Si 0.125 0.125 0.125", {"Si": 8}, 2.352),
        ("F d -3 m :1", 227, (5.431,) * 3 + (90,) * 3, "Si1 Si 0 0 0", {"Si": 8}, 2.352),
        ("F d -3 m Z", 227, (5.431,) * 3 + (90,) * 3, "Si1 Si 0.125 0.125 0.125", {"Si": 8}, 2.352),
        ("F d -3 m S", 227, (5.431,) * 3 + (90,) * 3, "Si1 Si 0 0 0", {"Si": 8}, 2.352),
        ("R -3 m :R", 166, (4.13,) * 3 + (54.1,) * 3, "As1 As 0.227 0.227 0.227", {"As": 2}, 2.5),
        ("R -3 m", 166, (3.76, 3.76, 10.55, 90, 90, 120), "As1 As 0 0 0.227", {"As": 6}, 2.5),
        ("P 63/m m c", None, (2.95, 2.95, 4.68, 90, 90, 120), "Ti1 Ti 0.333 0.667 0.25", {"Ti": 2}, 2.89),
        ("P6(3)/mmc", 194, (2.95, 2.95, 4.68, 90, 90, 120), "Ti1 Ti 0.3333 0.6667 0.25", {"Ti": 2}, 2.89),
        ("F m 3 m", None, CUBIC, ROCK_SALT, {"O": 4, "Mg": 4}, 2.1),
        ("Pm3m", 221, CUBIC, ROCK_SALT, {"O": 1, "Mg": 1}, 3.637),
    ],
)
def test_settings_and_origins_of_symbols(symbol, number, cell, atoms, content, distance):
    found, lattice, frac_coords = read(cif(atoms, cell, symbol, number))
    assert found == content
    assert shortest(lattice, frac_coords) == pytest.approx(distance, abs=0.06)


@pytest.mark.parametrize("symbol", ["P 21/n", "P 21/a", "P 1 1 21/b", "I 2/a", "A 2/a", "B 2/b", "C2/c", "A b a m"])
def test_symbols_in_other_settings_have_their_own_operations(symbol):
    import gemmi

    number = gemmi.find_spacegroup_by_name(symbol).number
    operations = [f"'{op.triplet()}'" for op in gemmi.find_spacegroup_by_name(symbol).operations()]
    cell = (5, 6, 7, 90, 90, 90)
    by_symbol = read(cif("Na1 Na 0.11 0.22 0.33", cell, symbol, number))
    by_operations = read(cif("Na1 Na 0.11 0.22 0.33", cell, operations=operations))
    assert by_symbol[0] == by_operations[0]
    for a, b in zip(
        *(sorted((fracs % 1).round(6).tolist()) for _, _, fracs in (by_symbol, by_operations)), strict=True
    ):
        assert a == pytest.approx(b)


def test_operations_win_over_a_symbol_of_another_setting():
    listed = ["x,y,z", "-x,y+1/2,-z+1/2", "-x,-y,-z", "x,-y+1/2,z+1/2"]
    other = cif("Na1 Na 0.1 0.2 0.3", (5, 6, 7, 90, 95, 90), "P 21/n", 14, listed)
    same = cif("Na1 Na 0.1 0.2 0.3", (5, 6, 7, 90, 95, 90), operations=listed)
    np.testing.assert_allclose(read(other)[2], read(same)[2])


def test_operations_without_quotes_are_put_together():
    found, lattice, frac_coords = read(cif(ROCK_SALT, operations=["x, y, z", "-x, -y, -z"]))
    assert found == {"O": 1, "Mg": 1}
    assert shortest(lattice, frac_coords) == pytest.approx(4.2 * 3**0.5 / 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (cif("C1 C 0 0 0", symbol="F d -3 m"), "'F d -3 m' has two origins; wanted the symmetry operations"),
        (cif("C1 C 0 0 0", number=227), "says the number 227 alone"),
        (cif("C1 C 0 0 0", symbol="Q 17"), "its symmetry 'Q 17' is not known"),
        (cif("C1 C 0 0 0", symbol="P -1", number=62), "number 62 and 'P -1', which are of space groups 62 and 2"),
        (
            cif("C1 C 0.1 0.2 0.3", number=62, operations=["x,y,z", "-x,-y,-z"]),
            "are those of P -1, space group 2, it says 62",
        ),
        (cif("C1 C 0 0 0", operations=["x,y,z", "rubbish"]), "a symmetry operation that is none: 'rubbish'"),
        (cif("C1 C 0 0"), "wanted a value for each column"),
        (cif("C1 C 0 0 0", cell=(0, 4, 4, 90, 90, 90)), "its _cell_length_a is '0', wanted a positive number"),
        (cif("C1 C 0 0 0", cell=(4, 4, 4, 90, 40, 140)), "spans no space"),
        (cif("Va1 Va 0 0 0"), "Va is not an element of Z 1 to 94, perhaps a vacancy"),
        (cif("Wat1 Wat 0 0 0"), "Wat is not an element"),
        (cif("Am1 Am 0 0 0"), "Am is not an element of Z 1 to 94"),
        (cif("C1 C ? ? ?"), "'C1' has no position"),
        (cif("C1 C 0 1/2 0"), "the position of 'C1' is '0 1/2 0', wanted three decimal numbers"),
        (cif("C1 C 0 0 0").replace("fract_y", "y"), "wanted _atom_site_fract_x, _y and _z of its atoms"),
        (cif(ROCK_SALT) + "loop_\n_atom_site_occupancy\n1\n", "got 2 _atom_site_label, .*, 1 _atom_site_occupancy"),
        ("ATOM 1\n", "line 1: wanted a block, which begins with data_; is it a CIF"),
        ("data_x\n_cell_length_a 'four\n", "line 2: a value in quotes has no end"),
        ("data_x\n_cell_length_a\n;four\n", "line 4: a text field, which begins with a semicolon, has no end"),
        (cif("Na1 Na 0 0 0\nF1 F 0 0 0"), "two atoms in one place: F1 and one of Na"),
        (cif("O1 O 2 0 0 0", columns="label type_symbol attached_hydrogens"), "hydrogen is missing: O1 has 2 attached"),
        (cif(ROCK_SALT, extra="_chemical_formula_sum 'Mg H2 O2'"), "hydrogen is missing: it says Mg H2 O2"),
        (cif(ROCK_SALT, extra="_chemical_formula_sum 'Mg2 O'"), "it says Mg2 O, its atoms are O Mg$"),
        (cif(ROCK_SALT, extra="_chemical_formula_moiety 'Mg2 O'"), "it says Mg2 O, its atoms are O Mg$"),
        (
            cif(f"Mg2 Mg 0.01 0 0\n{ROCK_SALT}", extra="_chemical_formula_sum 'Mg2 O'"),
            "its atoms are O Mg; sites left off within 0.1 Å of another of their element: 1",
        ),
        (cif(ROCK_SALT, extra="_chemical_formula_sum 'Mg O'\n_cell_formula_units_Z 4"), r"Mg4 O4 a cell \(Z = 4\)"),
        ("data_x\n_cell_length_a 4\n", "no atoms"),
        (cif(ROCK_SALT, extra="_cell_volume 80.0"), "a cell of 80 Å³, its sides and angles make 74"),
        (cif(ROCK_SALT, extra="_exptl_crystal_density_diffrn 3.59"), r"it states 3\.59 g/cm³, its atoms have 0\.9"),
        (cif(ROCK_SALT, extra="_exptl_crystal_density_meas 3.6"), r"it states 3\.6 g/cm³, measured"),
        (cif(ROCK_SALT, (4, 5, 6, 90, 90, 90), "P m -3 m"), "its symmetry operations do not fit its cell, of 4 5 6 Å"),
        (cif(ROCK_SALT, symbol="P 63/m m c"), "its symmetry operations do not fit its cell"),
        (
            cif(ROCK_SALT, symbol="P m -3 m", operations=["x,y,z", "-x,-y,-z"]),
            "are those of P -1, space group 2, it says 'P m -3 m'",
        ),
        (
            cif(ROCK_SALT).replace("_cell_angle_gamma 90\n", ""),
            "it has no _cell_angle_gamma; wanted three sides and three angles",
        ),
        (cif("Mg1 Mg 0 0 0\nO1 [] 0.5 0.5 0.5"), "'O1' is of no element"),
        (cif("Mg1 Mg 0 0 0") + cif("O1 O 0 0 0").partition("90\n\n")[2], "its _atom_site_label stands twice"),
        (
            cif("Mg1 Mg 4 0 0 0\nO1 O 4 .5 .5 .5", columns="label type_symbol symmetry_multiplicity"),
            "its site Mg1 has multiplicity 4, its symmetry operations make 1 of it",
        ),
        (cif(ROCK_SALT, extra="_cell_length_a 5"), "its _cell_length_a stands twice"),
        (cif(ROCK_SALT, extra="_cell_modulation_dimension 1"), "it is modulated"),
        (
            cif(ROCK_SALT, symbol="P m -3 m", extra="_space_group_name_H-M_alt 'F m -3 m'"),
            "'F m -3 m' and 'P m -3 m', which are of space groups 225 and 221",
        ),
        (
            cif(ROCK_SALT, number=225, extra="_space_group_name_Hall '-P 4 2 3'"),
            "its Hall symbol '-P 4 2 3' is that of P m -3 m, space group 221, it says 225",
        ),
        (
            cif("C1 C .1 .2 .3", (4, 5, 6, 90, 99, 90), "P 1 21/c 1", extra="_space_group_name_Hall '-P 2yn'"),
            "its Hall symbol '-P 2yn' and its symbol 'P 1 21/c 1' are of different settings",
        ),
        (
            cif(ROCK_SALT, symbol="F m -3 m", operations=["x,y,z"]),
            r"no operation but x,y,z and says space group 225, its atoms have Pm-3m \(221\)",
        ),
        (
            cif(ROCK_SALT, operations=["x,y,z"], extra="loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x,-y,-z"),
            "it lists symmetry operations twice, and not the same ones",
        ),
        (cif("Mg1 O 0 0 0\nO1 Mg 0.5 0.5 0.5"), "its atom 'Mg1' is of type O, wanted one element in both"),
        (cif("Na1 K 0 0 0\nCl1 Cl 0.5 0.5 0.5"), "its atom 'Na1' is of type K"),
        (cif("B1 Mg 0 0 0\nMg1 B 0.5 0.5 0.5"), "its atom 'B1' is of type Mg"),
        (cif(ROCK_SALT, extra="_chemical_formula_structural 'Mg (O H)2'"), "hydrogen is missing: it says Mg O2 H2"),
        (
            cif(ROCK_SALT, extra="_chemical_formula_weight 58.32"),
            "a formula weight of 58.32, its atoms are 0.6911 times",
        ),
        (cif(ROCK_SALT, extra="_chemical_formula_sum 'Mg O'\n_chemical_formula_weight 30"), "are 1.343 times as heavy"),
        (
            cif(SALT_ON_LETTERS.replace("4 a", "8 a"), symbol="F m -3 m", columns=LETTERED),
            "its site Mg1 has multiplicity 8, its symmetry operations make 4 of it",
        ),
        (
            cif(SALT_ON_LETTERS.replace("4 b", "4 c"), symbol="F m -3 m", columns=LETTERED),
            "its site O1 is on a Wyckoff position of multiplicity 8, its symmetry operations make 4 of it",
        ),
    ],
)
def test_what_cannot_be_known_is_left_out_with_a_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_cif(text)


def test_all_atoms_of_a_cell_need_no_operations():
    places = {"Mg": ["0 0 0", "0 .5 .5", ".5 0 .5", ".5 .5 0"], "O": [".5 .5 .5", ".5 0 0", "0 .5 0", "0 0 .5"]}
    atoms = "\n".join(f"{element}{i} {element} {x}" for element, xs in places.items() for i, x in enumerate(xs))
    assert read(cif(atoms, symbol="F m -3 m", number=225, operations=["x,y,z"]))[0] == {"O": 4, "Mg": 4}


def test_a_hall_symbol_says_which_of_two_origins_is_meant():
    silicon = cif("Si1 Si .125 .125 .125", (5.431,) * 3 + (90,) * 3, "F d -3 m", 227)
    found, lattice, frac_coords = read(silicon + "_space_group_name_Hall '-F 4vw 2vw 3'\n")
    assert found == {"Si": 8}
    assert shortest(lattice, frac_coords) == pytest.approx(2.352, abs=1e-3)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ("C1 C 0.5 0 0 0", "label type_symbol occupancy"),
        ("C1 C 1 0 0 0\nC2 C 2 0.5 0.5 0.5", "label type_symbol disorder_group"),
        ("C1 C -1 0 0 0", "label type_symbol disorder_group"),
    ],
)
def test_disorder_is_told(rows, columns):
    with pytest.raises(Disordered):
        parse_cif(cif(rows, columns=columns))


@pytest.mark.parametrize("occupancy", ["1", "1.0", ".", "?", "0.9999", "1.002(4)", "1.000(2)", "0.98(3)"])
def test_whole_occupancies(occupancy):
    assert read(cif(f"C1 C {occupancy} 0 0 0", columns="label type_symbol occupancy"))[0] == {"C": 1}


@pytest.mark.parametrize(
    ("label", "element"),
    [("O1", "O"), ("CA2", "Ca"), ("Cl", "Cl"), ("D1", "H"), ("Na1+", "Na"), ("Fe3A", "Fe"), ("OW", "O")],
)
def test_labels_without_type_symbols(label, element):
    formula = {"OW": "O", "D1": "D"}.get(label, element)
    text = cif(f"{label} 0 0 0", columns="label", extra=f"_chemical_formula_sum '{formula}'")
    assert read(text)[0] == {element: 1}


@pytest.mark.parametrize(
    ("label", "formula", "element"),
    [("CO1", "Co", "Co"), ("CO1", "Co O", "Co"), ("Co1", "", "Co"), ("CL1", "", "Cl"), ("FE", "", "Fe")],
)
def test_labels_in_capitals_that_are_clear(label, formula, element):
    oxygen = "\nO1 .5 .5 .5" if formula == "Co O" else ""
    extra = f"_chemical_formula_sum '{formula}'" if formula else ""
    text = cif(f"{label} 0 0 0{oxygen}", columns="label", extra=extra)
    assert read(text)[0] == ({element: 1, "O": 1} if oxygen else {element: 1})


@pytest.mark.parametrize(("label", "formula"), [("CO1", ""), ("PO4", ""), ("HO1", ""), ("CO2", "Co C O")])
def test_labels_in_capitals_that_nothing_decides(label, formula):
    extra = f"_chemical_formula_sum '{formula}'" if formula else ""
    with pytest.raises(ValueError, match=f"its atom '{label}' may be {label[:2].capitalize()} or {label[0]}, wanted"):
        read(cif(f"{label} 0 0 0", columns="label", extra=extra))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (cif("O1 O 0 0 0\nD1 D 0.2 0.2 0.2", symbol="P 1"), "deuterium or tritium is read as hydrogen"),
        (
            cif("C1 C 1 0 0 0\nC2 C 0 0.5 0.5 0.5", symbol="P 1", columns="label type_symbol occupancy"),
            "sites of occupancy 0 were left off",
        ),
        (cif(ROCK_SALT), "no symmetry is stated: read as P 1"),
        (cif(ROCK_SALT, operations=["x,y,z"]), ""),
    ],
)
def test_what_a_reader_should_know_is_noted(text, note):
    assert parse_cif(text)[0].note == note


def test_densities_of_deuterated_crystals_say_nothing():
    ice = "O1 O 0 0 0\nD1 D 0.2 0.2 0.2\nD2 D 0.8 0.8 0.8"
    assert read(cif(ice, extra="_exptl_crystal_density_diffrn 0.4489"))[0] == {"H": 2, "O": 1}


def test_atoms_that_are_listed_again_are_one():
    again = "Mg1 Mg 0 0 0\nO1 O 0.2 0.2 0.2\nMg2 Mg 1 0 0\nMg3 Mg 0 1 1\nO1A O 0.8 0.8 0.8"
    assert read(cif(again, symbol="P -1", number=2))[0] == {"Mg": 1, "O": 2}


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
def test_names_in_any_case(change):
    text = re.sub(r"^(_|loop_|data_)\S*", lambda match: change(match[0]), cif(ROCK_SALT), flags=re.M)
    assert read(text)[0] == {"O": 1, "Mg": 1}


def test_text_fields_may_hold_words_of_the_format():
    note = "_exptl_special_details\n;\ndata_collection of the _atom_site_ list, loop_\n;"
    assert read(cif(ROCK_SALT, extra=note))[0] == {"O": 1, "Mg": 1}


def test_one_bad_block_does_not_keep_the_others_from_being_read():
    good, bad = parse_cif(cif(ROCK_SALT) + cif("Va1 Va 0 0 0").replace("data_made", "data_other"))
    assert sorted(good[2]) == [8, 12]
    assert "Va" in str(bad)


def test_magnetic_operations_count_without_time_reversal():
    operations = "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\n-x,-y,-z,-1"
    assert read(cif("Mn1 Mn 0 0 0\nO1 O 0.2 0.3 0.4", extra=operations))[0] == {"O": 2, "Mn": 1}


@given(st.text(alphabet="_loopdatacelxyz' \n;0123456789.-?#", max_size=300))
def test_rubbish_is_refused_or_read_but_nothing_else(rubbish):
    try:
        found = parse_cif("data_x\n" + rubbish)
    except ValueError:
        return
    assert found


@pytest.mark.parametrize("structural", ["Mg(O)2", "Mg(OO)", "(MgO)O", "Mg(O(O))"])
def test_groups_in_a_structural_formula_are_counted(structural: str) -> None:
    rows = "Mg1 Mg 0 0 0\nO1 O 0.5 0.5 0\nO2 O 0.5 0 0.5\nMg2 Mg 0 0 0.5\nO3 O 0.5 0.5 0.5\nO4 O 0.5 0 0"
    said = f"_chemical_formula_sum 'Mg2 O4'\n_cell_formula_units_Z 2\n_chemical_formula_structural {structural}"
    ((_, _, numbers, _),) = parse_cif(cif(rows, extra=said))
    assert sorted(numbers) == [8, 8, 8, 8, 12, 12]
    with pytest.raises(ValueError, match=r"it says Mg4 O8 a cell \(Z = 2\), its atoms are O4 Mg2"):
        parse_cif(cif(rows, extra=said.replace(structural, "Mg(O)3")))


def test_formula_sums_of_pymatgen_count_a_whole_cell() -> None:
    """Its files give the number of formula units beside a sum that has been multiplied by it already."""
    crystal = ZOO["cubic"]
    text = crystal.to_pymatgen().to(fmt="cif")
    ((_, _, numbers, _),) = parse_cif(text)
    assert sorted(numbers) == sorted(crystal.numbers)
    missing = "\n".join(line for line in text.splitlines() if "O7" not in line)
    with pytest.raises(ValueError, match="it says Mg4 O4, its atoms are"):
        parse_cif(missing)


@pytest.mark.parametrize(
    "text",
    [
        cif(SALT_ON_LETTERS, symbol="F m -3 m", columns=LETTERED),
        cif(SALT_ON_LETTERS.replace("4 a", "48 4a"), symbol="F m -3 m", columns=LETTERED),  # the order of the site
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_weight 40.3044\n_cell_formula_units_Z 4"),
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_weight 161.2"),
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_structural 'MgO'"),
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_moiety 'O Mg'"),
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_moiety '2(Mg 2+), 2(O 2-), H2 O'"),
        cif(ROCK_SALT, symbol="F m -3 m", extra="_chemical_formula_sum 'Mg O'\n_chemical_formula_moiety 'Mg H2'"),
        cif(ROCK_SALT.replace("O1", "W1").replace("Mg1", "B"), symbol="F m -3 m"),  # water, the second site
        cif(ROCK_SALT.replace("O1", "Os1"), symbol="F m -3 m"),
        cif(
            ROCK_SALT,
            operations=["x,y,z", "-x,-y,-z"],
            extra="loop_\n_symmetry_equiv_pos_as_xyz\n-x,-y,-z\nx,y,z",
            cell=(4.2, 4.2, 4.2, 90, 90, 90),
        ),
    ],
)
def test_claims_that_fit_are_no_contradictions(text):
    assert set(read(text)[0]) == {"Mg", "O"}
