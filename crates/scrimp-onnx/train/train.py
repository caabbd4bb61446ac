"""Trains a model for scrimp-onnx on the sessions of msnbc.com (UCI), and writes it with its vocabulary.

    pip install -r requirements.txt
    python train.py msnbc990928.zip OUT

writes OUT/next.onnx and OUT/next.json, and prints the share of new pages that the model predicts first, and among
three, on sessions that it was not trained on. For data of your own, replace `sessions`: it yields lists of
(template, seconds since the request before), and names the templates.
"""

import json
import math
import os
import pathlib
import sys
import zipfile

# The model is small: threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

RECENT = 3  # pages whose template is told
SEEN = 48  # different pages that a session remembers


def sessions(archive):
    """Returns the templates, and all sessions. These have no times."""
    with zipfile.ZipFile(archive) as files:
        lines = files.read(files.namelist()[0]).decode().splitlines()
    names = next(line for line in lines if line.startswith("frontpage")).split()
    numbers = (line.split() for line in lines if line and line.replace(" ", "").isdigit())
    return ["/" + name for name in names], ([(int(n) - 1, 0.0) for n in line] for line in numbers)


class Session:
    """The pages of a session, as `Trail` of scrimp-prefetch keeps them. Each page is its template here."""

    def __init__(self):
        self.recent, self.seen, self.steps, self.run, self.gap = [], [], 0, 0, 0.0

    def push(self, page, gap):
        self.steps += 1
        self.gap = gap
        if self.recent[:1] == [page]:
            self.run += 1
            return
        self.run = 1
        if page not in self.seen:
            self.seen = (self.seen + [page])[-SEEN:]
        self.recent = ([page] + self.recent)[: RECENT + 1]

    def features(self, templates):
        """Returns the row of features: see the documentation of the crate."""
        row = numpy.zeros(4 * templates + 7, dtype=numpy.float32)
        for back, page in enumerate(self.recent[:RECENT]):
            row[back * (templates + 1) + page] = 1.0
        for page in self.seen:
            row[RECENT * (templates + 1) + page] = math.log1p(1.0)
        facts = (self.gap, self.steps, len(self.seen), self.run)
        row[-4:] = [math.log1p(fact) for fact in facts]
        return row


def rows(all_sessions, templates):
    """Returns a row for each page that is new to its session, except the first, with that page and those before."""
    table, nexts, before = [], [], []
    for pages in all_sessions:
        session = Session()
        for page, gap in pages:
            if session.steps and page not in session.seen:
                table.append(session.features(templates))
                nexts.append(page)
                before.append(list(session.seen))
            session.push(page, gap)
    return numpy.array(table), numpy.array(nexts), before


def main(archive, out):
    templates, every = sessions(archive)
    count = len(templates)
    train = [pages for _, pages in zip(range(100_000), every)]
    test = [pages for _, pages in zip(range(50_000), every)]
    table, nexts, _ = rows(train, count)
    model = MLPClassifier((64,), alpha=1e-4, early_stopping=True, n_iter_no_change=3, random_state=1)
    model.fit(table, nexts)
    # A column that never varies has taught nothing. Its weights are as they were drawn at first.
    model.coefs_[0][table.std(axis=0) == 0.0] = 0.0
    table, nexts, before = rows(test, count)
    chances = numpy.zeros((len(table), count))
    chances[:, model.classes_] = model.predict_proba(table)
    for row, seen in zip(chances, before):
        row[seen] = 0.0
    order = numpy.argsort(-chances, axis=1, kind="stable")
    first = (order[:, 0] == nexts).mean()
    third = (order[:, :3] == nexts[:, None]).any(axis=1).mean()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    # The outputs are the classes that training has seen.
    vocabulary = {"templates": templates}
    if len(model.classes_) != count:
        raise SystemExit("a template is never next: leave it out of the vocabulary")
    options = {id(model): {"zipmap": False}}
    written = to_onnx(model, table[:1], options=options, target_opset=17)
    (out / "next.onnx").write_bytes(written.SerializeToString())
    (out / "next.json").write_text(json.dumps(vocabulary))
    print(f"{len(nexts)} new pages, first {first:.4f}, among three {third:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
