"""The session file: for its owner alone, its token changing, one command at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.errors import ConfigurationFault
from services.staff import demonstration
from services.staff.sessions import Kept, SessionFile, client_name, new_session

CODE = "9900123210600000"


def test_a_session_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600, in a directory of mode 0700; where it runs is looked at anew each time and not kept."""
    file = SessionFile(tmp_path / "sessions" / "one.json")
    before = file.read()
    kept = Kept(CODE, "OP1", new_session())
    file.keep(kept)

    assert before is None
    assert file.read() == kept
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert kept.session.client == client_name()


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    """Whoever opened it to others is told to log in anew."""
    file = SessionFile(tmp_path / "one.json")
    file.keep(Kept(CODE, "OP1", new_session()))
    file.path.chmod(0o644)

    with pytest.raises(ConfigurationFault, match="others may read it"):
        file.read()


def test_the_token_that_was_to_follow_is_good_next(tmp_path: Path) -> None:
    """What the server was told beforehand is what is presented the next time, with a new one to follow."""
    file = SessionFile(tmp_path / "one.json")
    first = Kept(CODE, "OP1", new_session())
    file.keep(first)
    with file.in_turn() as mine:
        assert mine == first
        second = file.advance(first)
    with file.in_turn() as again:
        assert again == second

    assert second.session.token == first.session.following
    assert len({first.session.token, second.session.token, second.session.following}) == 3


def test_nobody_is_signed_in_without_a_file(tmp_path: Path) -> None:
    """And asking leaves nothing behind."""
    file = SessionFile(tmp_path / "nothing" / "one.json")
    with file.in_turn() as mine:
        assert mine is None

    assert not file.path.parent.exists()


def test_a_demonstration_ends_for_good(tmp_path: Path) -> None:
    """Its password lies in a private file; once that is gone nobody signs in by it."""
    rows = demonstration.set_up(tmp_path, [CODE], 7)
    password = demonstration.password_in(tmp_path)
    mode = (tmp_path / demonstration.FILE).stat().st_mode & 0o777
    ended = [demonstration.enforce(tmp_path) for _ in range(2)]

    assert len(rows) == sum(2 + len(one.duties) for one in demonstration.EVERYBODY)
    assert password not in str(rows)
    assert (mode, ended) == (0o600, [True, False])
    assert demonstration.password_in(tmp_path) == ""
