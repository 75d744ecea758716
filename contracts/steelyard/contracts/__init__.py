"""What all parts of Steelyard agree on: identifiers, units, readings, frames, topics, profiles, registry, clock.

Nothing here touches a file, a socket or a database. Beside the standard library it needs cbor2, cryptography and
msgspec.
"""
