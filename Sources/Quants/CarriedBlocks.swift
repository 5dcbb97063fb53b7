// Block formats whose layout is known and whose codec is not written yet: they can be shown, copied and moved between
// containers. Each leaves this list for a file of its own when it gets its codec. Sizes are those of formats/quants.tsv.

package enum Q4_1: QuantFormat {
  package static let name = "Q4_1"
  package static let ggufID: UInt32? = 3
  package static let blockElements = 32
  package static let blockBytes = 20
}

package enum Q5_0: QuantFormat {
  package static let name = "Q5_0"
  package static let ggufID: UInt32? = 6
  package static let blockElements = 32
  package static let blockBytes = 22
}

package enum Q5_1: QuantFormat {
  package static let name = "Q5_1"
  package static let ggufID: UInt32? = 7
  package static let blockElements = 32
  package static let blockBytes = 24
}

package enum Q8_1: QuantFormat {
  package static let name = "Q8_1"
  package static let ggufID: UInt32? = 9
  package static let blockElements = 32
  package static let blockBytes = 36
}

package enum Q2_K: QuantFormat {
  package static let name = "Q2_K"
  package static let ggufID: UInt32? = 10
  package static let blockElements = 256
  package static let blockBytes = 84
}

package enum Q3_K: QuantFormat {
  package static let name = "Q3_K"
  package static let ggufID: UInt32? = 11
  package static let blockElements = 256
  package static let blockBytes = 110
}

package enum Q4_K: QuantFormat {
  package static let name = "Q4_K"
  package static let ggufID: UInt32? = 12
  package static let blockElements = 256
  package static let blockBytes = 144
}

package enum Q5_K: QuantFormat {
  package static let name = "Q5_K"
  package static let ggufID: UInt32? = 13
  package static let blockElements = 256
  package static let blockBytes = 176
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

package enum IQ4_NL: QuantFormat {
  package static let name = "IQ4_NL"
  package static let ggufID: UInt32? = 20
  package static let blockElements = 32
  package static let blockBytes = 18
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

package enum IQ4_XS: QuantFormat {
  package static let name = "IQ4_XS"
  package static let ggufID: UInt32? = 23
  package static let blockElements = 256
  package static let blockBytes = 136
}

package enum IQ1_M: QuantFormat {
  package static let name = "IQ1_M"
  package static let ggufID: UInt32? = 29
  package static let blockElements = 256
  package static let blockBytes = 56
}

package enum TQ1_0: QuantFormat {
  package static let name = "TQ1_0"
  package static let ggufID: UInt32? = 34
  package static let blockElements = 256
  package static let blockBytes = 54
}

package enum TQ2_0: QuantFormat {
  package static let name = "TQ2_0"
  package static let ggufID: UInt32? = 35
  package static let blockElements = 256
  package static let blockBytes = 66
}

package enum MXFP4: QuantFormat {
  package static let name = "MXFP4"
  package static let ggufID: UInt32? = 39
  package static let blockElements = 32
  package static let blockBytes = 17
}

package enum NVFP4: QuantFormat {
  package static let name = "NVFP4"
  package static let ggufID: UInt32? = 40
  package static let blockElements = 64
  package static let blockBytes = 36
}

package enum Q1_0: QuantFormat {
  package static let name = "Q1_0"
  package static let ggufID: UInt32? = 41
  package static let blockElements = 128
  package static let blockBytes = 18
}

package enum Q2_0: QuantFormat {
  package static let name = "Q2_0"
  package static let ggufID: UInt32? = 42
  package static let blockElements = 64
  package static let blockBytes = 18
}
