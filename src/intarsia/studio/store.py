"""Sessions, jobs and what is known of pictures, in SQLite. A change is on the disk when its call returns."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intarsia.studio.sketch import Sketch

SCHEMA = """
create table if not exists pictures(key text primary key, name text, facts text);
create table if not exists sessions(id text primary key, name text, revision integer, touched real, sketch text);
create table if not exists jobs(id text primary key, session text, made real, state text, sketch text, recipe text,
    facts text);
create index if not exists jobs_by_session on jobs(session, made);
"""
Row = dict[str, Any]


class Store:
    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.row_factory = sqlite3.Row
        self._base.execute("pragma journal_mode=wal")
        self._base.execute("pragma synchronous=normal")
        self._base.executescript(SCHEMA)
        self._do("update jobs set state = 'stopped' where state in ('waiting', 'running')")

    def close(self) -> None:
        self._base.close()

    def _do(self, text: str, *values: Any) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._base.execute(text, values)]

    @contextmanager
    def _together(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._base.execute("begin immediate")
            try:
                yield self._base
                self._base.execute("commit")
            except BaseException:
                self._base.execute("rollback")
                raise

    # ---- pictures ----------------------------------------------------------------------------------------------------

    def keep_picture(self, key: str, name: str, facts: Row) -> None:
        self._do("insert or replace into pictures values(?, ?, ?)", key, name, json.dumps(facts))

    def picture(self, key: str) -> Row | None:
        found = self._do("select * from pictures where key = ?", key)
        return None if not found else {"key": key, "name": found[0]["name"], **json.loads(found[0]["facts"])}

    # ---- sessions ----------------------------------------------------------------------------------------------------

    def new_session(self, sketch: Sketch) -> str:
        name = secrets.token_hex(8)
        self._do("insert into sessions values(?, ?, 1, ?, ?)", name, sketch.name, time.time(), sketch.model_dump_json())
        return name

    def sessions(self) -> list[Row]:
        """The last touched first."""
        found = self._do("select id, name, touched, sketch from sessions order by touched desc")
        return [row | {"content": json.loads(row.pop("sketch"))["content"]} for row in found]

    def session(self, name: str) -> Row | None:
        found = self._do("select * from sessions where id = ?", name)
        return None if not found else found[0] | {"sketch": json.loads(found[0]["sketch"])}

    def change_session(self, name: str, revision: int, sketch: Sketch) -> int | None:
        """Gives the next revision; None where another one came in between, or the session has gone."""
        with self._together() as base:
            done = base.execute(
                "update sessions set name = ?, revision = revision + 1, touched = ?, sketch = ? "
                "where id = ? and revision = ?",
                (sketch.name, time.time(), sketch.model_dump_json(), name, revision),
            )
            return revision + 1 if done.rowcount else None

    def drop_session(self, name: str) -> None:
        with self._together() as base:
            base.execute("delete from jobs where session = ?", (name,))
            base.execute("delete from sessions where id = ?", (name,))

    # ---- jobs --------------------------------------------------------------------------------------------------------

    def new_job(self, session: str, sketch: Sketch) -> Row:
        name = secrets.token_hex(8)
        values = name, session, time.time(), "waiting", sketch.model_dump_json(), None, "{}"
        self._do("insert into jobs values(?, ?, ?, ?, ?, ?, ?)", *values)
        found = self.job(name)
        assert found is not None
        return found

    def job(self, name: str) -> Row | None:
        found = self._do("select * from jobs where id = ?", name)
        return None if not found else _whole(found[0])

    def jobs(self, session: str) -> list[Row]:
        return [_whole(row) for row in self._do("select * from jobs where session = ? order by made", session)]

    def change_job(self, name: str, state: str, recipe: str | None = None, **facts: Any) -> None:
        with self._together() as base:
            row = base.execute("select facts from jobs where id = ?", (name,)).fetchone()
            if row is not None:
                merged = json.dumps(json.loads(row["facts"]) | facts)
                base.execute(
                    "update jobs set state = ?, recipe = coalesce(?, recipe), facts = ? where id = ?",
                    (state, recipe, merged, name),
                )

    def drop_job(self, name: str) -> None:
        self._do("delete from jobs where id = ?", name)

    def job_with(self, recipe: str) -> Row | None:
        """The last one that painted by this recipe."""
        found = self._do("select * from jobs where recipe = ? order by made desc limit 1", recipe)
        return None if not found else _whole(found[0])

    # ---- what is in use ----------------------------------------------------------------------------------------------

    def used(self) -> tuple[set[str], set[str], set[str]]:
        """Keys of pictures and of maps that a session or a job names, and names of jobs."""
        rows = self._do("select sketch from sessions union all select sketch from jobs")
        sketches = [Sketch.model_validate_json(row["sketch"]) for row in rows]
        pictures = {key for sketch in sketches for key in sketch.pictures()}
        maps = {key for sketch in sketches for key in sketch.maps()}
        return pictures, maps, {row["id"] for row in self._do("select id from jobs")}


def _whole(row: Row) -> Row:
    return row | {"sketch": json.loads(row["sketch"]), **json.loads(row["facts"])}


def oldest(sessions: Sequence[Row]) -> str | None:
    return sessions[-1]["id"] if sessions else None
