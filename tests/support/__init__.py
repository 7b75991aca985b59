"""What the tests share: real services, a proxy that can cut a path, and how to show what went wrong."""
