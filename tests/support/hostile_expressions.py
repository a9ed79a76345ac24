"""Expressions that would cost time or memory without end, and what becomes of each."""

DOUBLING = "$reduce([1..60], function($a, $b) { %s }, %s)"
HOSTILE = {
    "a huge range": "[1..10000000]",
    "a sum over a huge range": "$sum([1..9000000])",
    "a fold over a huge range": "$reduce([1..10000000], function($a, $b) { $a }, 1)",
    "a string that doubles": DOUBLING % ("$a & $a", '"ab"'),
    "a recursion that doubles": (
        '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("aaaa", 40))'
    ),
    "an array that doubles": DOUBLING % ("$append($a, $a)", "[1, 2]"),
    "a shared array written out": "$string(" + DOUBLING % ("[[$a, $a]]", "1") + ")",
    "a shared object compared": "($o := {0}; $p := {0}; $o = $p)".replace(
        "{0}", DOUBLING % ('{"a": $a, "b": $a}', "1")
    ),
    "a shared object walked": "$count(" + DOUBLING % ('{"a": $a, "b": $a}', "1") + ".**)",
    "a shared array cast": DOUBLING % ("[[$a], [$a]]", "0"),
    "a transform that doubles": DOUBLING % ('$a ~> |$|{"x": $a, "y": $a}|', '{"a": 1}'),
    "wide padding": '$pad("x", 1000000000)',
    "padding to the left": '$pad("x", -1000000000)',
    "a replacement that multiplies": (
        '$replace($pad("", 100000, "a"), "a", $pad("", 100000, "b"))'
    ),
    "a pattern that multiplies": '$replace($pad("", 99999, "a"), /a/, $pad("", 99999, "b"))',
    "a join that multiplies": '$join([1..9000].$string($), $pad("", 60000, "a"))',
    "an endless recursion": "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "an endless loop": "($f := function($n) { $f($n + 1) }; $f(0))",
    "recursion of two": "($f := function() { $g() }; $g := function() { $f() }; $f())",
    "the fixed point": "(function($x) { $x($x) })(function($x) { $x($x) })",
    "nested ranges": "[1..5000].([1..5000])",
    "nested maps": "$map([1..3000], function($x) { $map([1..3000], function($y) { $y }) })",
    "a cross join": "[1..1000].($a := $; [1..1000].($a * $))",
    "a slow sort": "$sort([1..9000], function($a, $b) { $a < $b })",
    "a quadratic distinct": '$distinct([1..9000].{"a": $})',
    "a back reference": rf'$match("{"a" * 44}!", /^(a|aa)+\1$/)',
    "matches within matches": '$match($pad("", 60000, "a"), /(?=(a*))/)',
    "a date of many digits": '$toMillis("{}", "{}")'.format("1" * 300, "[Y]" * 30),
    "a year of a billion digits": '$fromMillis(1, "[Y,1-1000000000]")',
    "a nest of arrays": "$reduce([1..500], function($a, $b) { [[$a]] }, 1)",
    "letters of letters": "$reduce([1..60], function($a, $b) { $base64encode($a) }, 'abcdef')",
    "descendants of descendants": ".".join(["**"] * 40),
    "an exponent that backtracks": (
        '$formatNumber(1, $pad("", 200, "#") & "0", {"exponent-separator": "(#|##)+!"})'
    ),
    "a signature that backtracks": (f"function($a)<{'x?' * 28}b:x>{{1}}({', '.join(['1'] * 20)})"),
    "a signature that repeats": f"function($a)<{'x+' * 20}b:x>{{1}}({', '.join(['1'] * 60)})",
    "a large pattern in a long text": '$contains($pad("", 200000, "a"), /(?:a?){500}b{500}/)',
}
"""Each of these ends with an error."""

LINEAR = {
    "a catastrophic pattern": (f'$contains("{"a" * 44}!", /^(a|aa)+$/)', False),
    "alternatives that overlap": (f'$contains("{"ab" * 44}!", /^(ab|abab)+$/)', False),
    "a split that backtracks": (f'$split("{"a" * 44}!", /^(a|aa)+$/)[0]', "a" * 44 + "!"),
    "a replacement that backtracks": (f'$replace("{"a" * 44}!", /^(a|aa)+$/, "")', "a" * 44 + "!"),
    "repeats of repeats": (f'$contains("{"x" * 60}", /(x+x+)+y/)', False),
}
"""What these come to: RE2 does not backtrack."""

REFUSED = {
    "repeats in repeats": "$contains(s, /(a{1000}){1000}/)",
    "repeats side by side in a repeat": "$contains(s, /((a{40}){5}b{9}){6}/)",
    "a long pattern": f"$contains(s, /{'a' * 513}/)",
    "many groups": f"$contains(s, /{'(a)' * 65}/)",
    "groups in groups": f"$contains(s, /{'(' * 65}a{')' * 65}/)",
    "many patterns": " or ".join(f"$contains(s, /a{n}/)" for n in range(65)),
    "a long signature": f"function($a)<{'x+' * 2000}:x>{{1}}",
    "a search for many parents": "a" + ".%" * 101,
    "a path of many steps": "a" + ".a" * 1001,
}
"""These are refused before anything is compiled."""

UNKNOWN_TO_RE2 = {
    "looking ahead": "$contains(s, /a(?=b)/)",
    "looking behind": "$contains(s, /(?<=a)b/)",
    "a back reference": r"$contains(s, /(a)\1/)",
    "a program beyond its memory": r"$contains(s, /\pL{900}/)",
}
"""These are refused when they are configured, and fail on every order."""

PARSED = {
    "deep parentheses": "(" * 4000 + "1" + ")" * 4000,
    "deep arrays": "[" * 4000 + "]" * 4000,
    "deep conditions": "a?(" * 2000 + "1" + ":1)" * 2000,
    "a long sum": "1" + "+1" * 4000,
    "a long path": "a" + ".a" * 1000,
    "a chain of descendants": "**" + ".**" * 1000,
    "many pictures": "(" + ";".join(['$toMillis("1","[Yw][Yw][Yw][Yw]")'] * 200) + ")",
    "a picture that is a pattern": '$toMillis("aaaa", "(a{1000}){1000}[Y]")',
}
"""These are hard to parse, or to prepare."""

EVERY = {
    **HOSTILE,
    **{name: text for name, (text, _) in LINEAR.items()},
    **REFUSED,
    **UNKNOWN_TO_RE2,
    **PARSED,
}
