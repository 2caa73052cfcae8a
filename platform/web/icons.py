"""The icon set: own drawings on a grid of 24, strokes of one width, coloured by the text around them."""

# ruff: noqa: E501  a drawing is one line

from typing import Final

ICONS: Final[dict[str, str]] = {
    "next": '<path d="M4 12h14"/><path d="m12.5 6 6 6-6 6"/>',
    "compass": '<circle cx="12" cy="12" r="9"/><path d="m15.5 8.5-2 5-5 2 2-5z"/>',
    "courses": '<path d="M5 4.5h10.5A3.5 3.5 0 0 1 19 8v11.5H8a3 3 0 0 1-3-3z"/><path d="M5 16.5a3 3 0 0 1 3-3h11"/>',
    "progress": '<path d="M4.5 19.5h15"/><path d="M7 16v-4"/><path d="M12 16V7"/><path d="M17 16v-6.5"/>',
    "person": '<circle cx="12" cy="8.5" r="3.75"/><path d="M4.75 19.5c1.2-3.2 3.9-5 7.25-5s6.05 1.8 7.25 5"/>',
    "group": (
        '<circle cx="9" cy="9" r="3.25"/><path d="M3 19c.8-3 3-4.5 6-4.5s5.2 1.5 6 4.5"/>'
        '<path d="M15.5 5.9a3.25 3.25 0 0 1 0 6.2"/><path d="M17.5 14.9c1.9.7 3 2 3.5 4.1"/>'
    ),
    "lesson": '<path d="M12 6.5C10 5 7.5 4.5 4 4.75v13c3.5-.25 6 .25 8 1.75 2-1.5 4.5-2 8-1.75v-13C16.5 4.5 14 5 12 6.5z"/><path d="M12 6.5v13"/>',
    "exercise": '<path d="m14.5 5.5 4 4L9 19l-4.75.750L5 15z"/><path d="m12.25 7.75 4 4"/>',
    "quiz": '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.7a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7"/><path d="M12 16.6v.1"/>',
    "video": '<rect x="3.5" y="5.5" width="17" height="13" rx="2.5"/><path d="m10.5 9.25 4.5 2.75-4.5 2.75z"/>',
    "reading": '<path d="M6.5 3.5h8L18.5 8v12.5h-12z"/><path d="M14 3.75V8.5h4.25"/><path d="M9.5 12.5h6"/><path d="M9.5 16h4.5"/>',
    "helpful": '<path d="M7.5 10.75v8.5H4.75v-8.5z"/><path d="M7.5 11.25 11 4.5c1.5 0 2.25 1 2 2.5l-.5 3h5a1.75 1.75 0 0 1 1.7 2.1l-1.2 5.5a2 2 0 0 1-2 1.65H7.5"/>',
    "not_helpful": '<path d="M16.5 13.25v-8.5h2.75v8.5z"/><path d="M16.5 12.75 13 19.5c-1.5 0-2.25-1-2-2.5l.5-3h-5a1.75 1.75 0 0 1-1.7-2.1L6 6.4a2 2 0 0 1 2-1.65h8.5"/>',
    "too_easy": '<path d="M12 19V6"/><path d="m6.5 11.5 5.5-5.5 5.5 5.5"/>',
    "too_hard": '<path d="M12 5v13"/><path d="m6.5 12.5 5.5 5.5 5.5-5.5"/>',
    "not_now": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.25V12l3 2"/>',
    "known": '<path d="m3.5 12.5 4.25 4.25L16 8"/><path d="m11.5 15.5 1.25 1.25L21 8"/>',
    "check": '<path d="m5 12.5 4.75 4.75L19.5 7"/>',
    "cross": '<path d="m6.5 6.5 11 11"/><path d="m17.5 6.5-11 11"/>',
    "circle": '<circle cx="12" cy="12" r="8"/>',
    "started": '<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" stroke="none"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.25V12l3 2"/>',
    "hint": '<path d="M9 17.5c0-2-2.75-3.25-2.75-7a5.75 5.75 0 0 1 11.5 0c0 3.75-2.75 5-2.75 7z"/><path d="M10 20.5h4"/>',
    "focus": '<path d="M4.5 9V4.5H9"/><path d="M15 4.5h4.5V9"/><path d="M19.5 15v4.5H15"/><path d="M9 19.5H4.5V15"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5"/><path d="M12 7.6v.1"/>',
    "warning": '<path d="M12 4.25 21 19.5H3z"/><path d="M12 10v4.25"/><path d="M12 16.9v.1"/>',
    "pin": '<path d="M9 4.5h6l-.75 5.5 3 3.5H6.75l3-3.5z"/><path d="M12 13.5v6"/>',
    "ban": '<circle cx="12" cy="12" r="8.5"/><path d="m6.2 6.2 11.6 11.6"/>',
    "assign": '<path d="M7 5.5h10a1.5 1.5 0 0 1 1.5 1.5v12a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 19V7A1.5 1.5 0 0 1 7 5.5z"/><path d="M9.5 3.75h5v3.5h-5z"/><path d="m9 13.5 2.25 2.25L15.25 11.5"/>',
    "key": '<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8.5-8.5"/><path d="m15.5 8 3 3"/>',
    "gear": '<path d="M5 7.5h8"/><path d="M17 7.5h2"/><circle cx="15" cy="7.5" r="2"/><path d="M5 16.5h2"/><path d="M11 16.5h8"/><circle cx="9" cy="16.5" r="2"/>',
    "out": '<path d="M10 4.5H5.5v15H10"/><path d="M10.5 12h9"/><path d="m16 8.5 3.5 3.5-3.5 3.5"/>',
    "globe": '<circle cx="12" cy="12" r="9"/><path d="M3 12h18"/><path d="M12 3c2.6 2.6 3.75 5.6 3.75 9S14.6 18.4 12 21c-2.6-2.6-3.75-5.6-3.75-9S9.4 5.6 12 3z"/>',
    "spark": '<path d="M12 3.5c.7 4.7 3.3 7.3 8 8-4.7.7-7.3 3.3-8 8-.7-4.7-3.3-7.3-8-8 4.7-.7 7.3-3.3 8-8z"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>',
    "refresh": '<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3"/><path d="M19.75 3.75v4.5h-4.5"/>',
}

# Waves that come into step around a centre: attention finding what resonates.
LOGO: Final = (
    '<circle cx="16" cy="16" r="3.25" fill="currentColor" stroke="none"/>'
    '<path d="M9.8 22.2a8.8 8.8 0 0 1 0-12.4"/><path d="M22.2 9.8a8.8 8.8 0 0 1 0 12.4"/>'
    '<path d="M5.25 26.75a15.2 15.2 0 0 1 0-21.5" opacity=".45"/>'
    '<path d="M26.75 5.25a15.2 15.2 0 0 1 0 21.5" opacity=".45"/>'
)
