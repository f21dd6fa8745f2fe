"""Opens pages in the person's browser."""

import webbrowser

from videoinfer.display import Display


def open_page(url: str, display: Display) -> None:
    """Opens the page, or says that there is no browser, as on a server. The address has to be on the screen already."""
    if not webbrowser.open(url):
        display.warn("No browser can be opened here: open the address above in one")
