"""What pyproject.toml cannot say: the wheel carries features and fixtures in harness/_data."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_DATA = ("features", "fixtures")


class BuildWithData(build_py):
    """Copies the data folders of the checkout to where `harness.data` looks for them."""

    def run(self) -> None:
        """Build the modules, then put the data beside them."""
        super().run()
        if self.editable_mode:  # a checkout finds them at its root
            return
        for target, source in self._data_files().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """The files of the build, the data among them."""
        return [*super().get_outputs(include_bytecode), *self._data_files()]

    def _data_files(self) -> dict[str, str]:
        if self.editable_mode:
            return {}
        target = Path(self.build_lib) / "harness" / "_data"
        return {
            str(target / path): str(path)
            for folder in _DATA
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }


setup(cmdclass={"build_py": BuildWithData})
