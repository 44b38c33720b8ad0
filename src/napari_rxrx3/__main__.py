"""``python -m napari_rxrx3`` is the command ``napari-rxrx3``."""

from napari_rxrx3.cli import main

raise SystemExit(main())
