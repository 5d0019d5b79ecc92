/** The desk's texts in English. The type of this object is the type of every language. */

const en = {
  desk: {
    sections: "Sections of the desk",
    orders: "Orders",
  },
  notAllowed: {
    title: "For staff only",
    text: "Your account does not have the role staff, so you cannot open the desk.",
  },
  orders: {
    title: "Orders of all customers",
    none: "No order is like this.",
    statuses: "States",
    from: "Placed from",
    to: "Placed until",
    invertedTimes: "The first day is later than the last one.",
    order: "Order",
    status: "State",
    pieces: "Pieces",
    total: "Total",
  },
};

export default en;
