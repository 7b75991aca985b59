"""What a privacy officer or an auditor runs: replay and compare, explain a decision, publish a catalogue."""
