r"""Inputs shortened to the tokens that receive most attention (arXiv 2303.07585).

In one layer, the first or the last, token :math:`j` receives from all heads and all queries :math:`i`

.. math:: r_j = \sum_{\text{heads}} \sum_i a_{ij}

The tokens with the largest :math:`r_j` are kept in their order, and the same model reads them alone, at positions
counted anew. The same number of tokens at random shows what the choice by attention is worth.
"""
