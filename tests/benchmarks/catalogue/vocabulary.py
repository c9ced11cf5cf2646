"""The words that made-up events are described with, and how often each is used."""

import random
from itertools import accumulate


def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words: lists of words read best as lines of them."""
    return tuple(text.split())


# The most frequent first, as a description of an event would have them.
_FREQUENT = words_of(
    "the and of a in with for music to evening live from festival by on night your stories all "
    "artists food new city workshop dance art local join people open jazz world best friends "
    "culture design talks family drinks film street summer community young stage history garden "
    "technology songs science voices hands light guided tour theatre market wine bread poetry "
    "river crafts startup robots climate photography comedy opera rock piano orchestra choir "
    "chess running cycling yoga coffee books ceramics history astronomy travel kitchen vegan "
    "games fashion architecture painting cinema documentary networking leadership security cloud "
    "data coding mobile web marketing finance health nutrition mindfulness gardening carnival"
)
_SYLLABLES = words_of(
    "ba be bi bo bra bre ca ce chi co cra da de di do dra fa fe fi fo fra ga ge gi go gra ha he "
    "hi ho ja jo ka ke ki ko kra la le li lo ma me mi mo na ne ni no pa pe pi po pra ra re ri ro "
    "sa se si so sta ste sto ta te ti to tra va ve vi vo wa we wi za ze zi zo"
)
_ENDINGS = ("", "", "n", "r", "s", "l", "t", "ng", "sh")
_SIZE = 8_000


def _made_up() -> list[str]:
    """Return pronounceable words to fill the long tail that every language has."""
    chance = random.Random("vocabulary")
    found: dict[str, None] = {}
    while len(found) < _SIZE:
        syllables = chance.choices(_SYLLABLES, k=chance.randint(2, 4))
        found["".join(syllables) + chance.choice(_ENDINGS)] = None
    return list(found)


WORDS = tuple(dict.fromkeys((*_FREQUENT, *_made_up())))[:_SIZE]
# Zipf's law: the second word comes up half as often as the first, the third a third as often.
_CUMULATED = tuple(accumulate(1 / rank for rank in range(1, _SIZE + 1)))


def sentence(chance: random.Random, length: int) -> list[str]:
    """Return so many words, the frequent ones often."""
    return chance.choices(WORDS, cum_weights=_CUMULATED, k=length)
