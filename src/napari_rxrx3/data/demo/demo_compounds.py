"""The compounds of the demo data: public molecules, each in the group that it is known for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BENCHMARK", "COMPOUNDS", "Compound"]


class Compound(NamedTuple):
    """A compound; at `half_dose` (uM) it does half of what it can. Group "" does nothing."""

    group: str
    half_dose: float
    smiles: str


# fmt: off
COMPOUNDS: dict[str, Compound] = {
    "BI 2536": Compound("mitosis", 0.03,
        "CCC1C(=O)N(C)C2=CN=C(NC3=CC=C(C=C3OC)C(=O)NC3CCN(C)CC3)N=C2N1C1CCCC1 |c:7,13,15,t:9,11|"),
    "Volasertib": Compound("mitosis", 0.06,
        "CCC1C(=O)N(C)c2cnc(Nc3ccc(cc3OC)C(=O)NC3CCC(CC3)N3CCN(CC4CC4)CC3)nc2N1C(C)C"),
    "AZD1152-HQPA": Compound("mitosis", 0.15,
        "CCN(CCO)CCCOc1ccc2c(Nc3cc(CC(=O)Nc4cccc(F)c4)[nH]n3)ncnc2c1"),
    "Ispinesib": Compound("mitosis", 0.04,
        "CC(C)C(N(CCCN)C(=O)c1ccc(C)cc1)C1=Nc2cc(Cl)ccc2C(=O)N1Cc1ccccc1"),
    "Bortezomib": Compound("proteasome", 0.02,
        "CC(C)CC(NC(=O)C(CC1=CC=CC=C1)NC(=O)C1=NC=CN=C1)B(O)O |c:12,14,22,24,t:10,20|"),
    "MG-132": Compound("proteasome", 0.6,
        "CC(C)CC(C=O)NC(=O)C(CC(C)C)NC(=O)C(CC(C)C)NC(=O)OCC1=CC=CC=C1 |c:30,32,t:28|"),
    "Ixazomib": Compound("proteasome", 0.15,
        "CC(C)CC(NC(=O)CNC(=O)C1=CC(Cl)=CC=C1Cl)B(O)O |c:14,17,t:12|"),
    "Delanzomib": Compound("proteasome", 0.05,
        "CC(C)CC(NC(=O)C(NC(=O)c1cccc(n1)-c1ccccc1)C(C)O)B(O)O"),
    "Rapamycin": Compound("growth", 0.01,
        "CC1CCC2CC(C(=CC=CC=CC(CC(C(=O)C(C(C(=CC(C(=O)CC(OC(=O)C3CCCCN3C(=O)C(=O)C1(O2)O)C(C)CC4CCC"
        "(C(C4)OC)O)C)C)O)OC)C)C)C)OC"),
    "Torin 2": Compound("growth", 0.04,
        "NC1=CC=C(C=N1)C1=CC=C2N=CC3=C(N(C(=O)C=C3)C3=CC=CC(=C3)C(F)(F)F)C2=C1"),
    "AZD8055": Compound("growth", 0.1,
        "CC1COCCN1c1nc(N2CCOCC2C)c2ccc(nc2n1)-c1ccc(OC)c(CO)c1"),
    "PP242": Compound("growth", 0.5,
        "CC(C)n1nc(-c2cc3cc(O)ccc3[nH]2)c2c(N)ncnc12"),
    "Nocodazole": Compound("tubulin", 0.1,
        "COC(=O)NC1=NC2=C(N1)C=CC(=C2)C(=O)C1=CC=CS1 |c:11,13,20,t:5,7,18|"),
    "Colchicine": Compound("tubulin", 0.03,
        "COc1cc2CCC(NC(C)=O)C3=CC(=O)C(OC)=CC=C3c2c(OC)c1OC"),
    "Podophyllotoxin": Compound("tubulin", 0.05,
        "COc1cc(cc(OC)c1OC)C1C2C(COC2=O)C(O)c2cc3OCOc3cc12"),
    "Combretastatin A4": Compound("tubulin", 0.02,
        "COc1ccc(cc1O)/C=C\\c1cc(OC)c(OC)c(OC)c1"),
    "Cytochalasin D": Compound("actin", 0.3,
        "CC1CC=CC2C(O)C(=C)C(C)C3C(Cc4ccccc4)NC(=O)C23C(OC(C)=O)C=CC(C)(O)C1=O"),
    "Latrunculin A": Compound("actin", 0.15,
        "CC1CCC2CC(CC(O)(O2)C2CSC(=O)N2)OC(=O)C=C(C)CCC=CC=C1"),
    "Latrunculin B": Compound("actin", 0.4,
        "CC1CCC2CC(CC(O)(O2)C2CSC(=O)N2)OC(=O)C=C(C)CCC=C1"),
    "Oligomycin A": Compound("mitochondria", 0.02,
        "CCC1CCC2C(C)C(OC(=O)C=CC(C)C(O)C(C)C(=O)C(C)C(O)C(C)C(=O)C(C)(O)C(O)C(C)CC=CC=C1)C(C)"
        "C1(O2)CCC(C)C(CC(C)O)O1"),
    "Rotenone": Compound("mitochondria", 0.1,
        "COc1cc2OCC3Oc4c5CC(Oc5ccc4C(=O)C3c2cc1OC)C(C)=C"),
    "Antimycin A": Compound("mitochondria", 0.05,
        "CCCCCCC1C(OC(=O)CC(C)C)C(C)OC(=O)C(NC(=O)c2cccc(NC=O)c2O)C(C)OC1=O"),
    "FCCP": Compound("mitochondria", 1.5,
        "FC(F)(F)OC1=CC=C(NN=C(C#N)C#N)C=C1 |c:17,t:5,7|"),
    "Brefeldin A": Compound("secretion", 0.06,
        "CC1CCCC=CC2CC(O)CC2C(O)C=CC(=O)O1"),
    "Golgicide A": Compound("secretion", 0.8,
        "FC1=CC(F)=C2NC(C3CC=CC3C2=C1)C1=CC=CN=C1"),
    "Exo1": Compound("secretion", 2.0,
        "COC(=O)C1=CC=CC=C1NC(=O)C1=CC=C(F)C=C1 |c:6,8,18,t:4,14,16|"),
    "Etoposide": Compound("dna damage", 0.8,
        "COc1cc(cc(OC)c1O)C1C2C(COC2=O)C(OC2OC3COC(C)OC3C(O)C2O)c2cc3OCOc3cc12"),
    "Doxorubicin": Compound("dna damage", 0.12,
        "COc1cccc2C(=O)c3c(O)c4CC(O)(CC(OC5CC(N)C(O)C(C)O5)c4c(O)c3C(=O)c12)C(=O)CO"),
    "Camptothecin": Compound("dna damage", 0.05,
        "CCC1(O)C(=O)OCC2=C1C=C1N(CC3=CC4=CC=CC=C4N=C13)C2=O"),
    "Mitoxantrone": Compound("dna damage", 0.08,
        "OCCNCCNc1ccc(NCCNCCO)c2C(=O)c3c(O)ccc(O)c3C(=O)c12"),
    # Two names that differ by case alone are two molecules: the real screen has 21 such pairs.
    "Voglibose": Compound("", 1, "OCC(CO)N[C@H]1C[C@@](O)(CO)[C@@H](O)[C@H](O)[C@H]1O"),
    "voglibose": Compound("", 1, "OCC(CO)NC1CC(O)(CO)C(O)C(O)C1O"),
    "atenolol-(+/-)": Compound("", 1, "CC(C)NCC(O)COC1=CC=C(CC(N)=O)C=C1 |c:17,t:9,11|"),
    "Caffeine": Compound("", 1, "CN1C=NC2=C1C(=O)N(C)C(=O)N2C |c:4,t:2|"),
    "Aspirin": Compound("", 1, "CC(=O)OC1=CC=CC=C1C(O)=O |c:6,8,t:4|"),
    "Metformin": Compound("", 1, "CN(C)C(=N)NC(N)=N"),
    "Paracetamol": Compound("", 1, "CC(=O)NC1=CC=C(O)C=C1 |c:9,t:4,6|"),
}
# fmt: on

BENCHMARK = (
    "Volasertib",
    "Bortezomib",
    "Rapamycin",
    "Nocodazole",
    "Cytochalasin D",
    "Oligomycin A",
    "Brefeldin A",
    "Doxorubicin",
    "Caffeine",
    "Aspirin",
    "Metformin",
    "Paracetamol",
)
"""Compounds that have further wells at two doses on a plate of their own."""
