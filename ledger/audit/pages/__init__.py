"""Pages for people: what holds for one person, and what one company promised, each as one HTML file."""
