"""`python -m proxy` is `claims-proxy`."""

from proxy.cli import main

main()
