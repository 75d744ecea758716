"""From broker to ledger: verify, order, dedupe, quarantine, commit, acknowledge, receipt; then the readings view."""
