// Block formats whose layout is known and whose codec is not written yet: they can be shown, copied and moved between
// containers. Each leaves this list for a file of its own when it gets its codec. Sizes are those of formats/quants.tsv.

package enum Q8_1: QuantFormat {
  package static let name = "Q8_1"
  package static let ggufID: UInt32? = 9
  package static let blockElements = 32
  package static let blockBytes = 36
}

package enum Q8_K: QuantFormat {
  package static let name = "Q8_K"
  package static let ggufID: UInt32? = 15
  package static let blockElements = 256
  package static let blockBytes = 292
}

package enum IQ2_XXS: QuantFormat {
  package static let name = "IQ2_XXS"
  package static let ggufID: UInt32? = 16
  package static let blockElements = 256
  package static let blockBytes = 66
}

package enum IQ2_XS: QuantFormat {
  package static let name = "IQ2_XS"
  package static let ggufID: UInt32? = 17
  package static let blockElements = 256
  package static let blockBytes = 74
}

package enum IQ3_XXS: QuantFormat {
  package static let name = "IQ3_XXS"
  package static let ggufID: UInt32? = 18
  package static let blockElements = 256
  package static let blockBytes = 98
}

package enum IQ1_S: QuantFormat {
  package static let name = "IQ1_S"
  package static let ggufID: UInt32? = 19
  package static let blockElements = 256
  package static let blockBytes = 50
}

package enum IQ3_S: QuantFormat {
  package static let name = "IQ3_S"
  package static let ggufID: UInt32? = 21
  package static let blockElements = 256
  package static let blockBytes = 110
}

package enum IQ2_S: QuantFormat {
  package static let name = "IQ2_S"
  package static let ggufID: UInt32? = 22
  package static let blockElements = 256
  package static let blockBytes = 82
}

package enum IQ1_M: QuantFormat {
  package static let name = "IQ1_M"
  package static let ggufID: UInt32? = 29
  package static let blockElements = 256
  package static let blockBytes = 56
}
