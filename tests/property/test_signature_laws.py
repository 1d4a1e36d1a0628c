"""Law of the signature: the vendor's true bytes pass, any one changed byte fails.

Whatever the parameters, however ordered; a change anywhere in a name, a value, the path, the
query, the token or the signature itself is noticed.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.vendors.twilio.signature import sign, verify

URL = "https://calls.example.com/webhook/call-status?campaignId=spring"
TOKEN = "0123456789abcdef0123456789abcdef"

words = st.text(st.characters(codec="utf-8"), max_size=12)
pairs = st.lists(st.tuples(words.filter(bool), words), min_size=1, max_size=8)


def altered(text: str, at: int, by: int) -> str:
    """Return a text with one character replaced by another printable one."""
    at %= len(text)
    other = chr((ord(text[at]) - 33 + by) % 94 + 33)
    return text[:at] + other + text[at + 1 :]


@settings(max_examples=24, deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_true_bytes_pass_in_any_order(params: list[tuple[str, str]], random: object) -> None:
    signature = sign(URL, params, TOKEN)
    shuffled = list(params)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    assert verify(URL, shuffled, TOKEN, signature)


@settings(max_examples=48, deadline=None)
@given(
    pairs,
    st.sampled_from(["value", "path", "token", "signature"]),
    st.integers(0, 500),
    st.integers(1, 93),
)
def test_one_changed_byte_anywhere_fails(
    params: list[tuple[str, str]], where: str, at: int, by: int
) -> None:
    fields = [(name, "-" + value) for name, value in params]
    signature = sign(URL, fields, TOKEN)
    url, token = URL, TOKEN
    if where == "value":
        joined = [name + value for name, value in sorted(set(fields))]
        index = at % len(fields)
        name, value = fields[index]
        fields[index] = (name, altered(value, at, by))
        if [name + value for name, value in sorted(set(fields))] == joined:
            return
        if fields[index] in fields[:index] + fields[index + 1 :]:
            return
    elif where == "path":
        start = URL.index("/webhook")
        url = URL[:start] + "/" + altered(URL[start + 1 :], at, by)
    elif where == "token":
        token = altered(TOKEN, at, by)
    else:
        signature = altered(signature, at, by)
    if "#" in url:
        return  # what follows is a fragment, which is never sent
    assert not verify(url, fields, token, signature)


@settings(max_examples=24, deadline=None)
@given(pairs, st.data())
def test_a_parameter_cannot_be_left_out(
    params: list[tuple[str, str]], data: st.DataObject
) -> None:
    distinct = sorted(set(params))
    gone = data.draw(st.sampled_from(distinct))
    left = [pair for pair in distinct if pair != gone]
    assert not verify(URL, left, TOKEN, sign(URL, distinct, TOKEN))
