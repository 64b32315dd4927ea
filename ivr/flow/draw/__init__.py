"""Pictures of flows: Mermaid text and SVG, with what calls do on top where it is known."""
