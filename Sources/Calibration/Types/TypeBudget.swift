/// How much room there is for a model.
package enum TypeBudget: Sendable, Equatable {
  /// As much as the recipe that was named takes.
  case recipe
  /// Bytes of everything that is written: text model, vision encoder, metadata, padding.
  case bytes(UInt64)
  /// Bits of a weight of the text model, as `show` counts them: stored tensors over weights.
  case bitsPerWeight(Double)
}

/// What the types of an output are expected to cost.
package struct TypeForecast: Sendable {
  /// One tensor whose type the recipe says.
  package struct Row: Sendable {
    package let name: String
    package let type: String
    package let bytes: Int
    /// The mean divergence it is expected to cause, in nats a token; nil for a tensor of which nothing is known.
    package let divergence: Double?

    package init(name: String, type: String, bytes: Int, divergence: Double?) {
      (self.name, self.type, self.bytes, self.divergence) = (name, type, bytes, divergence)
    }
  }

  /// In the order of the output.
  package let rows: [Row]
  /// The most bytes there may be, counted as the budget does; nil where types were kept.
  package let budget: UInt64?
  /// What was found out, one sentence each.
  package let notes: [String]

  package init(rows: [Row], budget: UInt64? = nil, notes: [String] = []) {
    (self.rows, self.budget, self.notes) = (rows, budget, notes)
  }

  /// The mean divergence all together are expected to cause, in nats a token; what is measured is larger by a third or so.
  package var divergence: Double { rows.reduce(0) { $0 + ($1.divergence ?? 0) } }

  /// A tensor's part of the whole; nil where nothing is known.
  package func share(of row: Row) -> Double? {
    row.divergence.map { divergence > 0 ? $0 / divergence : 0 }
  }
}
