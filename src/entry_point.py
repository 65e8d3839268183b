import sys
# The file is named for whoever looks whether it changed.
_, source, _file, target, name, version, *sys.argv = sys.argv
# The directory of whoever started us has no say in what is imported.
if sys.path[:1] == [""]:
    del sys.path[0]
sys.path.insert(0, source)


class Plugin:
    """Tells the name and version of what is not installed to those who ask for them."""

    @staticmethod
    def find_spec(*_):
        return None

    @staticmethod
    def find_distributions(context=None):
        import re
        from importlib.metadata import Distribution

        class Own(Distribution):
            def read_text(self, file):
                return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" if file == "METADATA" else None

            def locate_file(self, path):
                import pathlib
                return pathlib.Path(source, path)

        plain = lambda text: re.sub("[-_.]+", "-", text).lower()
        asked = getattr(context, "name", None)
        return [Own()] if asked and plain(asked) == plain(name) else []


sys.meta_path.append(Plugin)
from functools import reduce
from importlib import import_module
module, _, function = target.partition(":")
sys.exit(reduce(getattr, function.split("."), import_module(module))())
