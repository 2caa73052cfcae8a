"""Names of the invented people: (user name, first name, last name)."""

from typing import Final

STUDENT: Final = ("mira", "Mira", "Lindholm")
TEACHER: Final = ("tomas", "Tomás", "Arriaga")
OPERATOR: Final = ("ines", "Ines", "Okafor")

_FIRST: Final = (
    *("Noor", "Elias", "Wanjiru", "Kenji", "Lucía", "Anton", "Priya", "Milo", "Zehra", "Owen"),
    *("Sanna", "Rafael", "Ayesha", "Bruno", "Hanna", "Dawit", "Carla", "Niko", "Yuki", "Petra"),
    *("Samir", "Greta", "Kofi", "Ilse", "Mateo", "Freya", "Arjun", "Lea", "Tariq", "Maren"),
    *("Jonas", "Amara", "Pavel", "Rosa", "Emil", "Nadia", "Luca", "Ingrid", "Farid", "Clara"),
    *("Viktor", "Salma", "Theo", "Marta", "Idris", "Elin", "Oscar", "Leila", "Hugo", "Vera"),
    *("Ravi", "Astrid", "Kaito", "Bianca", "Yusuf", "Signe", "Adam", "Naomi", "Felix", "Ada"),
)
_LAST: Final = (
    *("Haddad", "Sorensen", "Mwangi", "Tanaka", "Ferrer", "Novak", "Raman", "Jansen", "Demir"),
    *("Ellis", "Korhonen", "Moreira", "Siddiqui", "Conti", "Weiss", "Tesfaye", "Ruiz", "Petrov"),
    *("Sato", "Horvat", "Khalil", "Lund", "Mensah", "Vogel"),
)
_CHINESE: Final = (
    *(("林", "晓晴", "linxiaoqing"), ("周", "子墨", "zhouzimo"), ("陈", "雨桐", "chenyutong")),
    *(("王", "浩然", "wanghaoran"), ("李", "思远", "lisiyuan"), ("赵", "欣怡", "zhaoxinyi")),
    *(("孙", "一鸣", "sunyiming"), ("吴", "佳宁", "wujianing"), ("何", "书瑶", "heshuyao")),
    *(("郑", "立群", "zhengliqun"), ("许", "安琪", "xuanqi"), ("马", "骏", "majun")),
)


def list_learners(count: int) -> list[tuple[str, str, str]]:
    """The first `count` invented learners; beyond the list's length a number tells them apart."""
    people = []
    for number in range(count):
        first, last = _FIRST[number % len(_FIRST)], _LAST[(7 * number) % len(_LAST)]
        turn = number // len(_FIRST)
        name = f"demo-{first.lower()}-{last.lower()}{turn or ''}"
        people.append((name.replace("í", "i").replace("á", "a"), first, last))
    return people


def list_chinese_learners() -> list[tuple[str, str, str]]:
    """The learners of the class that studies in Chinese."""
    return [(f"demo-{name}", given, family) for family, given, name in _CHINESE]
