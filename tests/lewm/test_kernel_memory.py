import pytest

from lewm.planning import kernel_memory
from lewm.planning.kernel_memory import memory_file, remembered


@pytest.fixture(autouse=True)
def empty_memory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kernel_memory, "_answers", {})


def as_in_another_process(monkeypatch):
    monkeypatch.setattr(kernel_memory, "_answers", {})


def test_a_question_is_asked_once_on_a_machine(monkeypatch):
    assert remembered("which", lambda: "plain") == "plain"
    as_in_another_process(monkeypatch)

    assert remembered("which", lambda: pytest.fail("asked again")) == "plain"
    assert remembered("which else", lambda: "packed") == "packed"


def test_another_torch_or_machine_is_asked_anew(monkeypatch):
    remembered("which", lambda: "plain")
    as_in_another_process(monkeypatch)
    monkeypatch.setattr(kernel_memory, "_machine", lambda: "another")

    assert remembered("which", lambda: "packed") == "packed"


def test_the_process_that_answers_first_answers_for_both(monkeypatch):
    def slow():
        as_in_another_process(monkeypatch)
        remembered("which", lambda: "plain")  # meanwhile, elsewhere
        as_in_another_process(monkeypatch)
        return "packed"

    assert remembered("which", slow) == "plain"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"x": 1', b"\xff"])
def test_a_damaged_file_is_no_answer(content):
    memory_file().parent.mkdir()
    memory_file().write_bytes(content)

    assert remembered("which", lambda: "plain") == "plain"


def test_where_nothing_can_be_written_the_process_asks_for_itself(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert remembered("which", lambda: "plain") == "plain"
    assert not memory_file().exists()
