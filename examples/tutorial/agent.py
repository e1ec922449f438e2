"""A small agent: a model writes code, a box runs it, the model reads what came of it and goes on."""

import asyncio
import re

import boxlite

TASK = "Which of the numbers in /data/numbers.txt are prime?"
READ = "numbers = [int(word) for word in open('/data/numbers.txt').read().split()]\n"
DIVISORS = "print([n for n in numbers if n > 1 and all(n % d for d in range(2, n))])"


def model(messages):
    """Stands in for a language model; put a call of yours here. It answers with code, or in words when it is done."""
    last = messages[-1]["content"]
    if "NameError" in last:  # Corrected, but the loop has no end.
        return f"```python\n{READ}d = 2\nwhile numbers[0] % d or d < numbers[0]:\n    d += numbers[0]\n```"
    if "longer than" in last:
        return f"```python\n{READ}{DIVISORS}\n```"
    if "output:" in last:
        return "The prime numbers are " + last.partition("[")[2].partition("]")[0] + "."
    return f"```python\n{READ}print([n for n in numbers if is_prime(n)])\n```"


async def run(box, code):
    """What the model is told of a run: everything that it needs to go on, and never an exception."""
    try:
        output = await box.run(code, timeout=20)
    except boxlite.TimeoutError:
        return "error: it ran longer than 20 seconds"
    except boxlite.ExecError as error:
        return "error: " + error.stderr.strip().splitlines()[-1]
    return "output: " + output[:10_000]


async def agent(task, box, rounds=5):
    messages = [{"role": "user", "content": task}]
    for _ in range(rounds):
        answer = model(messages)
        code = re.search(r"```python\n(.*?)```", answer, re.DOTALL)
        if not code:
            return answer
        outcome = await run(box, code[1])
        print(outcome.strip())
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": outcome}]
    return "it gave up"


async def main():
    async with boxlite.CodeBox(image="python:slim", memory_mib=256, auto_install=False) as box:
        await box.write_file("/data/numbers.txt", "97 91 1009 1001\n")
        print(await agent(TASK, box))


asyncio.run(main())
