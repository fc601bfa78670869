"""The eye of the matrix sees what it is for: would catch a watch that finds nothing wrong with anything."""
from fault.watch import Watch


def watch(truths, answers, readers=1):
    """Truths are (instant, version, entered), answers (asked, version, entered)."""
    one = Watch.__new__(Watch)
    one.patience, one.readers, one.wrong = 1.0, readers, []
    one.truths = [(at, version, {"": (entered, entered, entered)}) for at, version, entered in truths]
    one.answers = [(at, version, {"": (entered, entered, entered)}) for at, version, entered in answers]
    return one.violations()


TRUTHS = [(1.0, 10, 100), (2.0, 20, 200), (9.0, 30, 300)]


def test_the_recount_at_its_version_and_between_is_right():
    assert watch(TRUTHS, [(1.1, 10, 100), (2.1, 20, 200), (2.2, 22, 210), (9.1, 30, 300)]) == []


def test_another_figure_at_a_version_is_wrong():
    assert len(watch(TRUTHS, [(2.1, 20, 199)])) == 1


def test_a_figure_beyond_its_neighbours_is_wrong():
    assert len(watch(TRUTHS, [(2.1, 22, 199)])) == 1
    assert len(watch(TRUTHS, [(2.1, 22, 301)])) == 1


def test_an_old_board_called_current_is_wrong():
    assert watch(TRUTHS, [(4.0, 15, 150)]) == []
    assert len(watch(TRUTHS, [(5.5, 15, 150)])) == 1


def test_a_step_back_is_wrong_of_one_reader():
    assert len(watch(TRUTHS, [(2.1, 20, 200), (2.2, 19, 190)])) == 1
    assert watch(TRUTHS, [(2.1, 20, 200), (2.2, 19, 190)], readers=2) == []
