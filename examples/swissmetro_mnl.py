"""The multinomial logit of the Swissmetro survey (Bierlaire, Axhausen & Abay 2001), by Newton and by Adam."""

from pathlib import Path

import pycmtensor as cmt
from pycmtensor.expressions import Beta
from pycmtensor.optimizers import Adam

# Commuters and business travellers whose choice is known; train and Swissmetro cost nothing more with a season ticket.
frame = cmt.datasets.load("swissmetro")
frame = frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)]
frame = frame.assign(
    TRAIN_COST=frame.TRAIN_CO * (frame.GA == 0),
    SM_COST=frame.SM_CO * (frame.GA == 0),
    TRAIN_OPEN=frame.TRAIN_AV * (frame.SP != 0),
    CAR_OPEN=frame.CAR_AV * (frame.SP != 0),
)
ds = cmt.Dataset(frame, choice="CHOICE", alternatives={"train": 1, "sm": 2, "car": 3})

asc_train, asc_car = Beta("ASC_TRAIN"), Beta("ASC_CAR")
b_time, b_cost = Beta("B_TIME"), Beta("B_COST")
V = {
    "train": asc_train + b_time * ds["TRAIN_TT"] / 100 + b_cost * ds["TRAIN_COST"] / 100,
    "sm": b_time * ds["SM_TT"] / 100 + b_cost * ds["SM_COST"] / 100,
    "car": asc_car + b_time * ds["CAR_TT"] / 100 + b_cost * ds["CAR_CO"] / 100,
}
model = cmt.MNL(ds, V, availability={"train": ds["TRAIN_OPEN"], "sm": ds["SM_AV"], "car": ds["CAR_OPEN"]})


def main() -> None:
    results = cmt.estimate(model, progress=True)
    print(results.summary())

    adam = cmt.Stochastic(Adam, lr=0.005, batch_size=256, epochs=60, seed=1)
    trained = cmt.estimate(model, method=adam, progress=True)
    print(f"\nAdam on mini-batches of 256 ends {results.llf - trained.llf:.3f} below the maximum.")

    import matplotlib.pyplot as plt  # only now: the table above does not wait for it

    folder = Path("output")
    folder.mkdir(exist_ok=True)
    page = results.to_html(folder / "swissmetro_mnl.html")
    picture = folder / "swissmetro_mnl_adam.png"
    trained.plot_convergence()
    plt.savefig(picture, dpi=150)
    print(f"Written: {page} and {picture}")


if __name__ == "__main__":
    main()
