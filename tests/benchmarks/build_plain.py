"""Makes the one schema of plain Django: `python -m tests.benchmarks.build_plain`."""

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from tests.benchmarks.app.seed import seed

    call_command("migrate", "bench", verbosity=0)
    seed("plain")


if __name__ == "__main__":
    main()
