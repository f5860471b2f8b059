"""The test kit: an issuer that signs real tokens, so that your tests run the real verification."""

from tokenward.testing.clock import FakeClock
from tokenward.testing.feed import Feed
from tokenward.testing.holder import Holder
from tokenward.testing.issuer import Answer, Issuer
from tokenward.testing.keys import ABSENT, SigningKey

__all__ = ["ABSENT", "Answer", "FakeClock", "Feed", "Holder", "Issuer", "SigningKey"]
