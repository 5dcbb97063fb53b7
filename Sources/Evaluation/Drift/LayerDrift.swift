/// How far the hidden states after one layer are from those of the model before, over all positions of all windows.
package struct LayerDrift: Sendable, Equatable {
  /// What a layer mixes its tokens by.
  package enum Kind: String, Sendable {
    case embedding
    case attention = "full_attention"
    case linear = "linear_attention"
  }

  /// The layer's number; -1 is the embedding.
  package let layer: Int
  package let kind: Kind
  /// Of the model after as it is, with all that went wrong before this layer.
  package let accumulated: RowDifference
  /// Of this layer alone, fed with what the model before fed it; nil where it was not measured.
  package let own: RowDifference?

  package init(layer: Int, kind: Kind, accumulated: RowDifference, own: RowDifference?) {
    self.layer = layer
    self.kind = kind
    self.accumulated = accumulated
    self.own = own
  }
}

/// How far rows of numbers are from others: hidden states of tokens, embeddings of parts of a picture.
package struct RowDifference: Sendable, Equatable {
  /// √(Σ|h' - h|² / Σ|h|²) over all rows.
  package let relativeError: Double
  /// Of the single rows' relative errors.
  package let medianError: Double
  package let meanError: Double
  package let largestError: Double
  package let meanCosine: Double
  package let leastCosine: Double

  package init(
    relativeError: Double, medianError: Double, meanError: Double, largestError: Double, meanCosine: Double,
    leastCosine: Double
  ) {
    self.relativeError = relativeError
    self.medianError = medianError
    self.meanError = meanError
    self.largestError = largestError
    self.meanCosine = meanCosine
    self.leastCosine = leastCosine
  }
}
