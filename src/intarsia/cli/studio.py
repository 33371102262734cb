"""`intarsia studio`: the page in the browser."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from intarsia.errors import UsageError


def studio(
    *,
    port: int = 7860,
    host: str = "127.0.0.1",
    no_browser: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    folder: Path | None = None,
) -> None:
    """Open the studio in the browser: paint where each style goes, and see at once.

    It runs on this machine alone, until it is interrupted with Ctrl-C. Sessions are kept, and are there again.

    Parameters
    ----------
    port
        Where it listens; 0 takes one that is free.
    host
        Another address than this machine's own lets others in, if they have the link with its token.
    no_browser
        Do not open the page, only print its address.
    folder
        Where pictures, sessions and paintings are kept; by default a folder of this user.
    """
    try:
        from intarsia.studio.server import serve, usual_folder
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the studio needs the package {error.name}. Install it: pip install 'intarsia[studio]'."
        ) from None
    serve(host, port, folder or usual_folder(), _tell, browser=not no_browser)


def _tell(link: str) -> None:
    print(f"The studio is at {link}\nCtrl-C ends it.", flush=True)
