import pytest

from commerce.stack.errors import StackError
from commerce.stack.state import State, locked, read_env, write_env


def test_env_file_keeps_the_keys_of_others_and_is_for_its_owner_only(tmp_path):
    path = tmp_path / "with space" / "env"
    write_env(path, {"WEB_URL": "http://127.0.0.1:8000", "DEMO_HOSTS": "a.localhost b.localhost"})
    write_env(path, {"WEB_URL": "http://127.0.0.1:9000"})
    assert path.read_text() == "WEB_URL=http://127.0.0.1:9000\nDEMO_HOSTS=a.localhost b.localhost\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_env_value_of_two_lines_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ValueError, match="KEY has more than one line"):
        write_env(tmp_path / "env", {"KEY": "a\nDATABASE_URL=b"})
    assert read_env(tmp_path / "env") == {}


def test_secrets_are_made_once(tmp_path):
    first = State.load(tmp_path / "state.json")
    first.save()
    assert State.load(tmp_path / "state.json").secrets == first.secrets
    assert len(set(first.secrets.values())) == len(first.secrets)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_second_command_on_a_stack_waits_and_then_says_why(tmp_path):
    again = locked(tmp_path / "lock", timeout=0.2)
    with locked(tmp_path / "lock", timeout=0), pytest.raises(StackError, match="still at work on this stack"), again:
        pass
