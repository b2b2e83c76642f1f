"""Writes metrics.json and stats.json beside this file."""
import json, os, random
import numpy as np
import sacrebleu
from rouge_score import rouge_scorer
from scipy import stats
from scipy.optimize import isotonic_regression
from sklearn.metrics import roc_auc_score

HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("the cat sat on the mat", "The cat sat on a mat."),
    ("a completely different answer", "nothing of this is shared here"),
    ("It costs $1,234.56 - about 12,5 euros, i.e. 3.5%.", "It costs 1,234.56 dollars, or 3.5 %, i.e. less."),
    ("word", "word"), ("word", "other words here"), ("two words", "two words more and more"), ("", "something"),
    ("something", ""), ("", ""), ("don't stop-me now; it's 5-6 pm (or so)", "don't stop me now: it is 5-6 p.m."),
    ("日本語の文を訳す", "日本語の文章を訳します"), ("Это пример текста.", "Это был пример, текста"), ("Ünïcödé strîng", "ünïcödé string"),
    ("&quot;quoted&quot; &amp; <skipped> done", "\"quoted\" & done"), ("line one\nline two-\nbroken", "line one line twobroken"),
    ("the the the the the", "the cat"), ("a b c d e f g h i j", "a c e g i b d f h j"), ("👩‍👩‍👧 party 🎉", "party 🎉🎉"),
    ("To be, or not to be, that is the question:", "To be or not to be - that is a question"), ("...,,,", ".,."), ("x" * 300, "x" * 200),
    ("tab\tand\u00a0nbsp\u2003em", "tab and nbsp em"), ("1.2.3 and 4,5 and .5 and 6.", "1.2.3, 4,5, .5, 6"),
    ("İstanbul'da güneş", "istanbul'da gunes"), ("e\u0301 combining", "é combining"),
]
rng = random.Random(7)
vocab = "the a cat dog sat ran on under big small mat house , . and or not 12 3.5 why who's".split()
for _ in range(30):
    PAIRS.append((" ".join(rng.choice(vocab) for _ in range(rng.randint(1, 40))), " ".join(rng.choice(vocab) for _ in range(rng.randint(1, 40)))))
chrf, rouge = sacrebleu.metrics.CHRF(), rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
rows = []
for a, r in PAIRS:
    l = rouge.score(r, a)["rougeL"]
    rows.append({"answer": a, "reference": r, "bleu": sacrebleu.sentence_bleu(a, [r]).score / 100,
                 "chrf": chrf.sentence_score(a, [r]).score / 100, "rouge_l": [l.precision, l.recall, l.fmeasure]})
json.dump(rows, open(os.path.join(HERE, "metrics.json"), "w"), ensure_ascii=False, indent=0)

g = np.random.default_rng(7)
out = []
for n, ties in ((3, 0), (5, 2), (12, 3), (40, 0), (40, 4), (200, 7), (200, 0)):
    x = g.normal(size=n); y = .5 * x + g.normal(size=n); w = g.uniform(.5, 2, size=n)
    if ties:
        x, y = np.round(x * ties / 2), np.round(y * ties / 2)
    label = (y + g.normal(size=n) > 0).astype(int); label[0], label[1] = 0, 1
    iso = isotonic_regression(y, weights=w).x
    out.append({"x": x.tolist(), "y": y.tolist(), "weights": w.tolist(), "label": label.tolist(), "spearman": stats.spearmanr(x, y).statistic,
                "kendall": stats.kendalltau(x, y).statistic, "auroc": roc_auc_score(label, x), "isotonic": iso.tolist(),
                "ranks": stats.rankdata(x).tolist()})
wilson = []
for k, n in ((0, 1), (1, 1), (3, 10), (50, 100), (999, 1000)):
    for c in (.8, .9, .95, .99):
        i = stats.binomtest(k, n).proportion_ci(c, "wilson"); wilson.append([k, n, c, i.low, i.high])
normal = [[p, stats.norm.ppf(p)] for p in (1e-9, .001, .025, .1, .5, .7, .9, .975, .9999)]
json.dump({"samples": out, "wilson": wilson, "normal": normal}, open(os.path.join(HERE, "stats.json"), "w"))
