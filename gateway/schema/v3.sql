-- How full bins were: what forecasts are made of. A slot keeps its history when its unit is swapped.

CREATE TABLE bin_level (
    slot      TEXT    NOT NULL,
    hour      INTEGER NOT NULL,   -- hours since 1970, UTC
    permille  INTEGER NOT NULL,   -- median of the good levels of that hour
    run       INTEGER NOT NULL,   -- counts emptyings, and what looks like one
    presses   INTEGER NOT NULL,   -- counts presses, whatever unit made them
    emptyings INTEGER NOT NULL,   -- as the unit counted them then, like its
    cycles    INTEGER NOT NULL,   -- press cycles
    unit      TEXT    NOT NULL,
    PRIMARY KEY (slot, hour)
) WITHOUT ROWID;
