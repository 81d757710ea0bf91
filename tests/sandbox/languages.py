"""One case for each language: programs that add, do not compile, crash, spin, hoard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Programs of one language; each but `broken` compiles."""

    adds: str
    """Prints the sum of the two numbers that it reads."""
    broken: str
    """Fails in its second line."""
    complaint: str
    """What is said about it."""
    crashes: str
    spins: str
    hoards: str


CASES = {
    "c": Case(
        adds='#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }',
        broken="int main(void) {\n  return x;\n}",
        complaint="main.c:2:10: error: 'x' undeclared",
        crashes="#include <stdlib.h>\nint main(void) { abort(); }",
        spins="int main(void) { for (volatile int i = 0;; i++); }",
        hoards="#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"
        "int main(void) { for (int n = 0; n < 9999; n++) { char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); "
        "usleep(100); } pause(); }",
    ),
    "cpp": Case(
        adds="#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << '\\n'; }",
        broken="int main() {\n  return x;\n}",
        complaint="main.cpp:2:10: error: 'x' was not declared in this scope",
        crashes="#include <vector>\nint main() { std::vector<int>().at(1); }",
        spins="int main() { for (volatile int i = 0;; i++); }",
        hoards="#include <vector>\nint main() { std::vector<std::vector<char>> all;\n"
        "  for (;;) all.emplace_back(1 << 20, 'x'); }",
    ),
    "javascript": Case(
        adds="const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number);\nconsole.log(a + b);",
        broken="let a = 1;\nlet b = = 2;",
        complaint="main.js:2",
        crashes="null.x",
        spins="for (;;);",
        hoards="const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));",
    ),
    "typescript": Case(
        adds="const parts: number[] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number);\n"
        "console.log(parts[0] + parts[1]);",
        broken="let a: number = 1;\nlet b: = 2;",
        complaint="main.ts:2:8: Type expected.",
        crashes="const x: any = null; x.y;",
        spins="for (;;);",
        hoards="const all: Buffer[] = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));",
    ),
    "go": Case(
        adds='package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }',
        broken="package main\nfunc main() { x() }",
        complaint="main.go:2:15: undefined: x",
        crashes="package main\nfunc main() { var p *int; *p = 1 }",
        spins="package main\nfunc main() { for { } }",
        hoards="package main\nvar all [][]byte\nfunc main() { for { p := make([]byte, 1<<20); for i := range p "
        "{ p[i] = 1 }; all = append(all, p) } }",
    ),
    "rust": Case(
        adds="use std::io::Read;\nfn main() { let mut text = String::new(); std::io::stdin().read_to_string(&mut text)"
        '.unwrap(); println!("{}", text.split_whitespace().map(|x| x.parse::<i64>().unwrap()).sum::<i64>()); }',
        broken="fn main() {\n    x();\n}",
        complaint="--> main.rs:2:5",
        crashes="fn main() { panic!(); }",
        spins="fn main() { let mut n = 0; loop { unsafe { std::ptr::write_volatile(&mut n, 1) } } }",
        hoards="fn main() { let mut all = Vec::new(); loop { all.push(vec![1u8; 1 << 20]); } }",
    ),
    "bash": Case(
        adds="read a b\necho $((a + b)) | sed s/x/y/",
        broken="echo 1\nif then",
        complaint="main.sh: line 2: syntax error",
        crashes="exit 3",
        spins="while :; do :; done",
        hoards='x=xxxxxxxxxxxxxxxx; while :; do x="$x$x"; done',
    ),
}
